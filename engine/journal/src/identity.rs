//! Who writes a journal: an id, and a key that signs.

use crate::Disk;
use ed25519_dalek::SigningKey;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Who writes: the journal's id, and the key that signs.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The journal's id.
    pub journal: [u8; 16],
    /// Signs seals and heads.
    pub key: SigningKey,
}

/// A new journal's id.
pub fn random_id() -> io::Result<[u8; 16]> {
    random()
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The signing key in a file, as 64 hexadecimal digits.
pub fn read_key(path: &Path) -> io::Result<SigningKey> {
    let text = fs::read_to_string(path)?;
    let key = from_hex(text.trim()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "a key is 64 hexadecimal digits")
    })?;
    Ok(SigningKey::from_bytes(&key))
}

/// The key of a journal's own folder, made if it is not there; and its public half beside it.
pub fn own_key<D: Disk>(disk: &mut D, journal: &Path) -> io::Result<SigningKey> {
    let path = journal.join("key");
    match read_key(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    let key = SigningKey::from_bytes(&random()?);
    // Nobody else may read it, from the beginning.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    writeln!(file, "{}", hex(&key.to_bytes()))?;
    file.sync_all()?;
    let public = format!("{}\n", hex(&key.verifying_key().to_bytes()));
    disk.replace(&journal.join("key.pub"), public.as_bytes())?;
    Ok(key)
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As many bytes as there should be, from hexadecimal digits.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PlainDisk, Reach};

    #[test]
    fn a_key_is_made_once_and_nobody_else_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mut disk = PlainDisk::new(Reach::Disk);
        let key = own_key(&mut disk, folder.path()).unwrap();
        assert_eq!(own_key(&mut disk, folder.path()).unwrap(), key);
        let mode = fs::metadata(folder.path().join("key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let public = fs::read_to_string(folder.path().join("key.pub")).unwrap();
        assert_eq!(from_hex(public.trim()), Some(key.verifying_key().to_bytes()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for wrong in ["", "12", &"g".repeat(64), &"0".repeat(63)] {
            fs::write(&path, wrong).unwrap();
            assert!(read_key(&path).is_err(), "{wrong:?}");
        }
    }
}
