//! What every real disk must do, each test on all of them.

#![forbid(unsafe_code)]

use engine_journal::{Disk, Done, OpenFile, Pages, PlainDisk, Reach, RealDisk, RingDisk, Write};
use proptest::prelude::*;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

type AnyDisk = dyn Disk<File = OpenFile>;

/// Runs a test on every disk that there is, each in a folder of its own.
fn on_every_disk(check: fn(&mut AnyDisk, &Path)) {
    for reach in [Reach::Disk, Reach::Cache] {
        let run = |disk: &mut AnyDisk| {
            let folder = tempfile::tempdir().expect("a folder");
            check(disk, folder.path());
        };
        run(&mut PlainDisk::new(reach));
        run(&mut PlainDisk::new(reach).with_depth(3));
        run(&mut RealDisk::open(reach));
        for depth in [1, 3, 8] {
            match RingDisk::with_depth(reach, depth) {
                Ok(mut ring) => run(&mut ring),
                Err(error) => eprintln!("not run on a ring: {error}"),
            }
        }
    }
}

fn write(block: u64, bytes: &[u8], at: u64) -> Write {
    let mut pages = Pages::new(bytes.len());
    pages.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
    Write { block, pages, range: 0..bytes.len(), at }
}

/// One write, from start to end.
fn put(disk: &mut AnyDisk, file: &OpenFile, write: Write) -> io::Result<usize> {
    disk.start(file, write);
    disk.done(true).expect("it was started").result
}

/// Waits for all that is under way.
fn finish(disk: &mut AnyDisk) -> Vec<Done> {
    let mut done: Vec<_> = std::iter::from_fn(|| disk.done(true)).collect();
    done.sort_by_key(|done| done.write.block);
    done
}

fn content(disk: &mut AnyDisk, path: &Path) -> Vec<u8> {
    let mut content = Vec::new();
    disk.read(path).expect("there").read_to_end(&mut content).expect("readable");
    content
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn folders_are_made_with_those_that_they_lie_in() {
    on_every_disk(|disk, folder| {
        let deep = folder.join("a/b/c");
        disk.make_folder(&deep).expect("made");
        disk.make_folder(&deep).expect("there already");
        assert!(deep.is_dir());
        fs::write(folder.join("file"), "").expect("written");
        assert_eq!(kind(disk.make_folder(&folder.join("file"))), Some(ErrorKind::AlreadyExists));
        assert_eq!(kind(disk.make_folder(&folder.join("file/in"))), Some(ErrorKind::AlreadyExists));
    });
}

#[test]
fn a_new_file_is_zeros() {
    on_every_disk(|disk, folder| {
        let path = folder.join("new");
        disk.create(&path, 10_000).expect("created");
        assert_eq!(content(disk, &path), vec![0; 10_000]);
        assert_eq!(disk.length(&path).expect("there"), 10_000);
        disk.create(&folder.join("empty"), 0).expect("created");
        assert_eq!(disk.length(&folder.join("empty")).expect("there"), 0);
    });
}

#[test]
fn a_file_that_is_there_is_not_created() {
    on_every_disk(|disk, folder| {
        let path = folder.join("precious");
        fs::write(&path, "as it was").expect("written");
        assert_eq!(kind(disk.create(&path, 100)), Some(ErrorKind::AlreadyExists));
        assert_eq!(content(disk, &path), b"as it was");
    });
}

#[test]
fn a_file_for_which_there_is_no_room_leaves_no_trace() {
    on_every_disk(|disk, folder| {
        let path = folder.join("huge");
        assert!(disk.create(&path, 1 << 62).is_err());
        assert!(disk.create(&path, u64::MAX).is_err());
        disk.create(&path, 4096).expect("the name is free");
    });
}

#[test]
fn names_are_those_of_files() {
    on_every_disk(|disk, folder| {
        disk.make_folder(&folder.join("folder")).expect("made");
        for name in ["1.seg", "2.seg"] {
            disk.create(&folder.join(name), 1).expect("created");
        }
        let mut names = disk.names(folder).expect("readable");
        names.sort();
        assert_eq!(names, ["1.seg", "2.seg"]);
        assert_eq!(kind(disk.names(&folder.join("none"))), Some(ErrorKind::NotFound));
    });
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    on_every_disk(|disk, folder| {
        let path = folder.join("head");
        fs::write(folder.join("head.new"), "left by a crash, and longer").expect("written");
        for text in ["first", "and second"] {
            disk.replace(&path, text.as_bytes()).expect("replaced");
            assert_eq!(content(disk, &path), text.as_bytes());
        }
        assert_eq!(disk.names(folder).expect("readable"), ["head"]);
    });
}

#[test]
fn names_change_and_go() {
    on_every_disk(|disk, folder| {
        let [old, new] = ["old", "new"].map(|name| folder.join(name));
        disk.replace(&old, b"content").expect("written");
        disk.rename(&old, &new).expect("renamed");
        assert_eq!(content(disk, &new), b"content");
        assert_eq!(kind(disk.read(&old)), Some(ErrorKind::NotFound));
        disk.remove(&new).expect("removed");
        disk.sync_folder(folder).expect("synced");
        assert_eq!(kind(disk.remove(&new)), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.length(&new)), Some(ErrorKind::NotFound));
    });
}

#[test]
fn a_file_is_cut_and_synced() {
    on_every_disk(|disk, folder| {
        let path = folder.join("segment");
        let file = disk.create(&path, 8192).expect("created");
        assert_eq!(put(disk, &file, write(1, &[7; 5000], 0)).expect("written"), 5000);
        disk.truncate(&file, 4096).expect("cut");
        disk.sync(&file).expect("synced");
        disk.sync_path(&path).expect("synced");
        assert_eq!(content(disk, &path), [7; 4096]);
        assert_eq!(kind(disk.sync_path(&folder.join("none"))), Some(ErrorKind::NotFound));
    });
}

#[test]
fn only_the_range_is_written() {
    on_every_disk(|disk, folder| {
        let path = folder.join("segment");
        let file = disk.create(&path, 6).expect("created");
        let part = Write { range: 2..4, ..write(1, b"abcdef", 3) };
        assert_eq!(put(disk, &file, part).expect("written"), 2);
        assert_eq!(content(disk, &path), b"\0\0\0cd\0");
    });
}

#[test]
fn writes_under_way_land_where_they_belong() {
    const BLOCK: usize = 64 << 10;
    on_every_disk(|disk, folder| {
        let path = folder.join("segment");
        let count = disk.depth();
        let file = disk.create(&path, (count * BLOCK) as u64).expect("created");
        for block in (0..count).rev() {
            let bytes = vec![block as u8 + 1; BLOCK];
            disk.start(&file, write(block as u64, &bytes, (block * BLOCK) as u64));
        }
        drop(file); // The disk keeps it open as long as it must.
        for (block, Done { write, result }) in finish(disk).iter().enumerate() {
            assert_eq!((write.block, write.at), (block as u64, (block * BLOCK) as u64));
            assert_eq!(*result.as_ref().expect("written"), BLOCK);
            assert!(write.pages.bytes().iter().all(|byte| *byte == block as u8 + 1));
        }
        let expected: Vec<_> = (0..count).flat_map(|block| vec![block as u8 + 1; BLOCK]).collect();
        assert!(content(disk, &path) == expected);
    });
}

#[test]
fn nobody_waits_who_does_not_want_to() {
    on_every_disk(|disk, folder| {
        assert!(disk.done(false).is_none());
        assert!(disk.done(true).is_none(), "nothing is under way");
        let file = disk.create(&folder.join("segment"), 4096).expect("created");
        disk.start(&file, write(1, &[1; 4096], 0));
        let done = loop {
            if let Some(done) = disk.done(false) {
                break done;
            }
        };
        assert_eq!(done.result.expect("written"), 4096);
        assert!(disk.done(true).is_none());
    });
}

#[test]
fn a_disk_that_goes_away_waits_for_its_writes() {
    for reach in [Reach::Disk, Reach::Cache] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("segment");
        let mut disk = RealDisk::open(reach);
        let file = disk.create(&path, 8 << 16).expect("created");
        for block in 0..disk.depth() as u64 {
            disk.start(&file, write(block, &[9; 1 << 16], block << 16));
        }
        let written = disk.depth() << 16;
        // Not even on the thread that started them.
        std::thread::spawn(move || drop(disk)).join().expect("dropped");
        assert!(fs::read(&path).expect("there")[..written].iter().all(|byte| *byte == 9));
    }
}

#[test]
fn a_disk_may_change_threads() {
    for reach in [Reach::Disk, Reach::Cache] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("segment");
        let mut disk = RealDisk::open(reach);
        let file = disk.create(&path, 8192).expect("created");
        disk.start(&file, write(1, &[1; 4096], 0));
        let there = std::thread::spawn(move || {
            disk.start(&file, write(2, &[2; 4096], 4096));
            finish(&mut disk).into_iter().map(|done| done.result.expect("written")).sum::<usize>()
        });
        assert_eq!(there.join().expect("ends"), 8192);
        assert_eq!(fs::read(&path).expect("there"), [[1; 4096], [2; 4096]].concat());
    }
}

#[test]
fn what_a_thread_has_started_is_done_after_its_end() {
    for reach in [Reach::Disk, Reach::Cache] {
        let mut disk = match RingDisk::new(reach) {
            Ok(disk) => disk,
            Err(error) => return eprintln!("not run: no ring: {error}"),
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("segment");
        let file = disk.create(&path, 8 << 16).expect("created");
        let start = move || {
            (0..8).for_each(|block| disk.start(&file, write(block, &[9; 1 << 16], block << 16)));
            disk
        };
        let mut disk = std::thread::spawn(start).join().expect("started");
        let (done, content) = (finish(&mut disk), fs::read(&path).expect("there"));
        assert_eq!(done.len(), 8);
        for Done { write, result } in done {
            // The kernel may cancel what waits for its turn; but it says so.
            let bytes = &content[write.at as usize..][..write.range.len()];
            let is_there = bytes.iter().all(|byte| *byte == 9);
            assert!(is_there || result.is_err(), "block {}: {result:?}", write.block);
        }
    }
}

#[test]
fn writes_that_make_no_sense_are_refused() {
    on_every_disk(|disk, folder| {
        let path = folder.join("segment");
        let file = disk.create(&path, 4096).expect("created");
        let write = |range, at| Write { block: 1, pages: Pages::new(4096), range, at };
        let far = i64::MAX as u64;
        for (range, at) in [(0..4097, 0), (0..4096, u64::MAX), (0..4096, far), (0..0, u64::MAX)] {
            let result = put(disk, &file, write(range, at));
            assert_eq!(kind(result), Some(ErrorKind::InvalidInput));
        }
        assert_eq!(put(disk, &file, write(0..0, 0)).expect("nothing is written"), 0);
        assert_eq!(content(disk, &path), [0; 4096]);
    });
}

#[test]
fn more_writes_than_a_ring_takes_come_back() {
    let mut disk = match RingDisk::with_depth(Reach::Disk, 2) {
        Ok(disk) => disk,
        Err(error) => return eprintln!("not run: no ring: {error}"),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = disk.create(&folder.path().join("segment"), 12288).expect("created");
    (0..3).for_each(|block| disk.start(&file, write(block, &[1; 4096], block * 4096)));
    let written: Vec<_> = finish(&mut disk).iter().map(|done| done.result.is_ok()).collect();
    assert_eq!(written, [true, true, false]);
}

#[test]
fn a_full_disk_says_so() {
    on_every_disk(|disk, _| {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let full = OpenFile::from(full);
        for block in 0..disk.depth() as u64 {
            disk.start(&full, write(block, &[1; 4096], 0));
        }
        let done = finish(disk);
        assert_eq!(done.len(), disk.depth());
        for done in done {
            assert_eq!(kind(done.result), Some(ErrorKind::StorageFull));
            assert_eq!(done.write.pages.bytes(), [1; 4096]);
        }
    });
}

#[test]
fn a_file_that_is_open_for_reading_is_not_written() {
    on_every_disk(|disk, folder| {
        let path = folder.join("file");
        fs::write(&path, "as it was").expect("written");
        let file = OpenFile::from(fs::File::open(&path).expect("readable"));
        let error = put(disk, &file, write(1, &[1; 4096], 0)).expect_err("open for reading");
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        assert_eq!(content(disk, &path), b"as it was");
    });
}

#[test]
fn where_nobody_may_write_nothing_is_created() {
    on_every_disk(|disk, folder| {
        fs::set_permissions(folder, Permissions::from_mode(0o500)).expect("ours");
        if fs::write(folder.join("probe"), "").is_ok() {
            return eprintln!("not run: who may write everywhere is refused nowhere");
        }
        let path = folder.join("file");
        assert_eq!(kind(disk.create(&path, 1)), Some(ErrorKind::PermissionDenied));
        assert_eq!(kind(disk.replace(&path, b"")), Some(ErrorKind::PermissionDenied));
    });
}

/// A write that meets a limit half-way ends there, and the next one fails. Only a process that lives
/// under such a limit can show it: so the test starts itself once more.
#[test]
fn a_write_may_be_short() {
    const LIMITED: &str = "TAPEWATCH_FILES_ARE_LIMITED";
    if std::env::var_os(LIMITED).is_none() {
        let this = std::env::current_exe().expect("this program");
        let script = r#"trap "" XFSZ; ulimit -f 64; exec "$0" --exact a_write_may_be_short"#;
        let mut command = Command::new("sh");
        let output = command.args(["-c", script]).arg(this).env(LIMITED, "1").output();
        let output = output.expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    on_every_disk(|disk, folder| {
        let limits = fs::read_to_string("/proc/self/limits").expect("Linux has it");
        let limit = limits.lines().find_map(|line| line.strip_prefix("Max file size"));
        let limit = limit.and_then(|limit| limit.split_whitespace().next());
        let limit: u64 = limit.and_then(|limit| limit.parse().ok()).expect("a limit was set");

        let path = folder.join("segment");
        let file = disk.create(&path, limit).expect("up to the limit");
        let short = put(disk, &file, write(1, &[1; 8192], limit - 4096)).expect("its first half");
        assert_eq!(short, 4096);
        let error = put(disk, &file, write(2, &[2; 4096], limit)).expect_err("past the limit");
        assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
        let content = content(disk, &path);
        assert_eq!(content.len() as u64, limit);
        assert!(content.ends_with(&[1; 4096]));
        let too_long = disk.create(&folder.join("too long"), limit + 1);
        assert_eq!(kind(too_long), Some(ErrorKind::FileTooLarge));
    });
}

/// A write of so many sectors, to such a place and from such a place in its memory.
#[derive(Clone, Debug)]
struct Splash {
    at: usize,
    skip: usize,
    sectors: usize,
    with: u8,
}

const SECTOR: usize = 512;
const SECTORS_A_PAGE: usize = 8;
const SECTORS: usize = 160;

fn splashes() -> impl Strategy<Value = Vec<Splash>> {
    // Whole pages half of the time: they take another way than parts of pages.
    let splash = |unit: usize| {
        let units = |up_to: usize| (0..up_to / unit).prop_map(move |count| count * unit);
        (units(128), units(16), units(32), any::<u8>())
            .prop_map(move |(at, skip, more, with)| Splash { at, skip, sectors: more + unit, with })
    };
    prop::collection::vec(prop_oneof![splash(1), splash(SECTORS_A_PAGE)], 1..60)
}

/// Whether two of them may not be under way at once: they touch a common page.
fn meet(a: &Splash, b: &Splash) -> bool {
    let pages = |splash: &Splash| {
        let end = splash.at + splash.sectors;
        splash.at / SECTORS_A_PAGE..end.div_ceil(SECTORS_A_PAGE)
    };
    let (a, b) = (pages(a), pages(b));
    a.start < b.end && b.start < a.end
}

fn splash_all(disk: &mut AnyDisk, splashes: &[Splash]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("segment");
    let mut expected = vec![0; SECTORS * SECTOR];
    let file = disk.create(&path, expected.len() as u64).expect("created");
    let mut under_way: Vec<usize> = Vec::new();
    let wait = |disk: &mut AnyDisk, under_way: &mut Vec<usize>| {
        let done = disk.done(true).expect("writes are under way");
        assert_eq!(done.result.expect("written"), done.write.range.len());
        under_way.retain(|number| *number as u64 != done.write.block);
    };
    for (number, splash) in splashes.iter().enumerate() {
        while under_way.len() == disk.depth()
            || under_way.iter().any(|other| meet(&splashes[*other], splash))
        {
            wait(disk, &mut under_way);
        }
        let range = splash.skip * SECTOR..(splash.skip + splash.sectors) * SECTOR;
        let mut pages = Pages::new(range.end);
        pages.bytes_mut()[range.clone()].fill(splash.with);
        let at = splash.at * SECTOR;
        expected[at..at + range.len()].fill(splash.with);
        disk.start(&file, Write { block: number as u64, pages, range, at: at as u64 });
        under_way.push(number);
    }
    while !under_way.is_empty() {
        wait(disk, &mut under_way);
    }
    assert!(disk.done(true).is_none());
    assert!(content(disk, &path) == expected, "the file is not what was written");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_file_holds_what_was_written(splashes in splashes()) {
        for reach in [Reach::Disk, Reach::Cache] {
            splash_all(&mut PlainDisk::new(reach), &splashes);
            if let Ok(mut ring) = RingDisk::new(reach) {
                splash_all(&mut ring, &splashes);
            }
        }
    }
}
