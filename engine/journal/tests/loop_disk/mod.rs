//! A real file system whose power can be cut: an ext4 in a file, mounted through a loop device.
//!
//! The cut is the kernel's own (`FS_IOC_SHUTDOWN`): from one moment to the next nothing more reaches the
//! device, not even the file system's journal. What a program or the kernel had not written by then is
//! lost, as with the power. What the device was given stays: a drive that lies about its own cache is not
//! shown by this.

// tidy: allow(unsafe): `FS_IOC_SHUTDOWN` has no safe function

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// `_IOR('X', 125, __u32)`, and what it is asked for: to leave the journal as it is.
const FS_IOC_SHUTDOWN: libc::c_ulong = 0x8004_587D;
static NO_LOG_FLUSH: u32 = 2;

/// The file system. It is unmounted, and its file deleted, when this goes away.
#[derive(Debug)]
pub(crate) struct LoopDisk {
    folder: TempDir,
    is_mounted: bool,
}

impl LoopDisk {
    /// A new file system of so many bytes; or in one line why this machine has none to offer.
    pub(crate) fn new(bytes: u64) -> Result<Self, String> {
        if fs::metadata("/proc/self").map_or(0, |own| own.uid()) != 0 {
            return Err("only root may mount".to_owned());
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut disk = Self { folder, is_mounted: false };
        let file = File::create(disk.image()).and_then(|file| file.set_len(bytes));
        file.and_then(|()| fs::create_dir(disk.path())).map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(disk.image()))?;
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount(&mut self) -> Result<(), String> {
        let (image, path) = (self.image(), self.path());
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).args([image, path]))?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), String> {
        run(Command::new("umount").arg(self.path()))?; // The loop device goes with it.
        self.is_mounted = false;
        Ok(())
    }

    /// What cuts its power, for whoever writes meanwhile to ask.
    pub(crate) fn switch(&self) -> Switch {
        Switch { path: self.path(), is_off: Arc::default() }
    }

    /// Power again. No file there may be open any more.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        self.unmount()?;
        self.mount()
    }
}

/// The power's switch.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    path: PathBuf,
    is_off: Arc<AtomicBool>,
}

impl Switch {
    /// Cuts the power: from now on every write fails.
    pub(crate) fn cut(&self) -> io::Result<()> {
        let folder = File::open(&self.path)?;
        self.is_off.store(true, Ordering::SeqCst);
        // SAFETY: the call reads one u32, which outlives it.
        let result =
            unsafe { libc::ioctl(folder.as_raw_fd(), FS_IOC_SHUTDOWN, &raw const NO_LOG_FLUSH) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// An error once the power is gone: then nobody is told anything. Here the processor runs on, and ext4
    /// sometimes calls a write durable that is not, if `fdatasync` races with the cut.
    pub(crate) fn has_power(&self) -> io::Result<()> {
        match self.is_off.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the power is gone")),
            false => Ok(()),
        }
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // After a panic files may still be open: then it goes once they are closed.
        if self.is_mounted && self.unmount().is_err() {
            let lazily = run(Command::new("umount").arg("-l").arg(self.path()));
            lazily.unwrap_or_else(|error| eprintln!("still mounted: {error}"));
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}", said.lines().next().unwrap_or("failed and says nothing")))
}
