//! Key files: a secret on one line, made at the first start, readable by its owner alone.
//!
//! A file is made at once or not at all: who reads it never sees half a key, and of two processes
//! that start together both get the same one. What the key is for is not known here.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::config::SecretText;

/// The most bytes that a key file may have.
const MAX_BYTES: u64 = 4 * 1024;

/// The bits of a file's mode that let others than its owner at it.
const OTHERS: u32 = 0o077;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("the key file {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// It cannot be made.
    #[error("the key file {} cannot be made: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Others than its owner may read or change it.
    #[error(
        "others can read the key file {0} (its mode is {mode:04o}): close it with `chmod 600 {0}`, \
         and replace the key if somebody may have read it",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is no key in it, or more than one line.
    #[error("the key file {} holds no key: it must be one line of text", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// The key in the file `path`; if there is no such file, the one that `make` gives, which is
/// kept there from now on.
///
/// # Errors
/// A file that cannot be read or made, that others can read, or that holds no key.
pub fn read_or_create(
    path: &Path,
    make: impl FnOnce() -> SecretText,
) -> Result<SecretText, KeyFileError> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    create(path, &make()).map_err(|reason| KeyFileError::Unwritable {
        path: path.to_owned(),
        reason,
    })?;
    read(path)?.ok_or_else(|| KeyFileError::Unreadable {
        path: path.to_owned(),
        reason: ErrorKind::NotFound.into(),
    })
}

/// The key in the file `path`, or none if there is no such file.
///
/// # Errors
/// A file that cannot be read, that others can read, or that holds no key.
pub fn read(path: &Path) -> Result<Option<SecretText>, KeyFileError> {
    let unreadable = |reason| KeyFileError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(KeyFileError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    file.take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(KeyFileError::Malformed {
            path: path.to_owned(),
        });
    }
    Ok(Some(SecretText::new(key)))
}

/// Writes `key` beside `path` and gives it its name once it is whole and on disk; if another
/// process was faster, its file stays.
fn create(path: &Path, key: &SecretText) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let mut file = NamedTempFile::new_in(directory)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o600))?;
    writeln!(file, "{}", key.expose())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(directory)?.sync_all(),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn directory() -> TempDir {
        TempDir::new().expect("a temporary directory")
    }

    fn written(directory: &TempDir, text: &str, mode: u32) -> PathBuf {
        let path = directory.path().join("operator.key");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode is set");
        path
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let directory = directory();
        let path = directory.path().join("deep/er/operator.key");
        let first = read_or_create(&path, || SecretText::new("one")).expect("made");
        let second = read_or_create(&path, || SecretText::new("two")).expect("read");
        assert_eq!((first.expose(), second.expose()), ("one", "one"));
        assert_eq!(fs::read_to_string(&path).expect("read"), "one\n");
        let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("a parent")), 0o700);
        let left = fs::read_dir(path.parent().expect("a parent"))
            .expect("listed")
            .count();
        assert_eq!(left, 1, "no temporary file stays");
    }

    #[test]
    fn who_comes_second_takes_the_key_that_is_there() {
        let directory = directory();
        let path = directory.path().join("operator.key");
        let key = read_or_create(&path, || {
            create(&path, &SecretText::new("faster")).expect("made by another");
            SecretText::new("slower")
        });
        assert_eq!(key.expect("read").expose(), "faster");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        for mode in [0o644, 0o640, 0o604, 0o620, 0o777] {
            let directory = directory();
            let path = written(&directory, "hush\n", mode);
            let error = read(&path).expect_err("refused").to_string();
            assert!(
                error.contains(&format!("chmod 600 {}", path.display())),
                "{error}"
            );
            assert!(error.contains(&format!("{mode:04o}")), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_file_without_one_key_is_refused_and_left_alone() {
        for text in ["", "\n", "two words\n", "two\nlines\n"] {
            let directory = directory();
            let path = written(&directory, text, 0o600);
            let made = read_or_create(&path, || SecretText::new("new"));
            assert!(
                matches!(made, Err(KeyFileError::Malformed { .. })),
                "{text:?}"
            );
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
        }
    }

    #[test]
    fn what_cannot_be_made_or_read_says_so() {
        let directory = directory();
        let file = written(&directory, "key", 0o600);
        let below_a_file = read_or_create(&file.join("operator.key"), || SecretText::new("new"));
        let error = below_a_file.expect_err("refused").to_string();
        assert!(error.contains("cannot be"), "{error}");
        let absent = read(&directory.path().join("absent")).expect("nothing there");
        assert!(absent.is_none());
    }
}
