//! The configuration file as a layer: TOML, each key with the line on which it stands.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use toml::{Table, Value, de::DeTable};

use super::{
    DEFAULT_FILE,
    error::{ConfigError, Origin},
    sections,
    settings::{Found, Given},
};

/// What the file `named` says, or the default file if none is named; nothing if that is absent.
///
/// # Errors
/// A named file that is absent, a file that cannot be read or is not TOML, a key that stands
/// for a section.
pub(super) fn read(named: Option<&Path>) -> Result<Vec<Found>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(reason) => Err(ConfigError::Unreadable {
            path: path.to_owned(),
            reason,
        }),
    }
}

/// What `text` says, the content of the file `path`.
///
/// # Errors
/// See [`read`].
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Found>, ConfigError> {
    let document = Document { path, text };
    let places = DeTable::parse(text).map_err(|error| document.syntax(&error))?;
    let values = toml::from_str(text).map_err(|error| document.syntax(&error))?;
    let mut found = Vec::new();
    document.walk("", places.get_ref(), &values, &mut found)?;
    Ok(found)
}

struct Document<'d> {
    path: &'d Path,
    text: &'d str,
}

impl Document<'_> {
    /// Gathers the keys of a table: `places` knows where they stand, `values` what they are.
    fn walk(
        &self,
        section: &str,
        places: &DeTable<'_>,
        values: &Table,
        found: &mut Vec<Found>,
    ) -> Result<(), ConfigError> {
        let mut keys: Vec<_> = places.iter().collect();
        keys.sort_by_key(|(key, _)| key.span().start);
        for (key, place) in keys {
            let (path, origin) = (
                format!("{section}{}", key.get_ref()),
                self.line(key.span().start),
            );
            let Some(value) = values.get(key.get_ref().as_ref()) else {
                continue;
            };
            match (value, place.get_ref().as_table()) {
                (Value::Table(values), Some(places)) if !values.is_empty() && !is_key(&path) => {
                    self.walk(&format!("{path}."), places, values, found)?;
                }
                (Value::Table(_), _) if is_section(&path) => {}
                _ if is_section(&path) => {
                    return Err(ConfigError::Section {
                        origin,
                        section: path,
                    });
                }
                _ => found.push(Found {
                    key: path,
                    value: Given::Value(value.clone()),
                    origin,
                }),
            }
        }
        Ok(())
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        ConfigError::Syntax {
            origin: self.line(error.span().map_or(0, |span| span.start)),
            reason: error.message().to_owned(),
        }
    }

    /// The place `offset` bytes into the file.
    fn line(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        Origin::File {
            path: PathBuf::from(self.path),
            line: 1 + before.filter(|byte| **byte == b'\n').count(),
        }
    }
}

fn is_key(path: &str) -> bool {
    sections::keys().any(|key| key.path == path)
}

fn is_section(path: &str) -> bool {
    sections::keys().any(|key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}
