//! The `data` of a template: JSON whose strings may hold placeholders. Everything else of it goes
//! into the emitted event byte for byte.

use jiter::{Jiter, JiterError, Peek};

use crate::domain::{event::Event, json::escape_pointer, json_object::write_string};

use super::{
    EmitError, MAX_EMITTED, TemplateError, lookup,
    placeholder::{Path, Text},
};

/// JSON cut at its placeholders.
#[derive(Debug, Clone)]
pub struct DataTemplate(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Json(Vec<u8>),
    Value(Path),
    Text(Text),
}

impl DataTemplate {
    /// Reads `json`, which has passed the check for JSON and stands at `pointer`.
    ///
    /// # Errors
    /// The first string whose placeholders cannot be read.
    pub fn parse(json: &[u8], pointer: &str) -> Result<Self, TemplateError> {
        let mut cutter = Cutter {
            reader: Jiter::new(json),
            json,
            copied: 0,
            pieces: Vec::new(),
        };
        let first = cutter
            .reader
            .peek()
            .map_err(|error| not_json(&error, pointer))?;
        cutter.value(first, pointer)?;
        cutter.copy_up_to(json.len());
        Ok(Self(cutter.pieces))
    }

    /// How many placeholders take a value.
    pub fn placeholders(&self) -> usize {
        let count = |piece: &Piece| match piece {
            Piece::Json(_) => 0,
            Piece::Value(_) => 1,
            Piece::Text(text) => text.placeholders(),
        };
        self.0.iter().map(count).sum()
    }

    /// The JSON text with the values of `event` in it.
    ///
    /// # Errors
    /// A value is missing, or the text grows beyond [`MAX_EMITTED`].
    pub fn render(&self, event: &Event) -> Result<Vec<u8>, EmitError> {
        let mut json = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Json(text) => json.extend_from_slice(text),
                Piece::Value(path) => json.extend_from_slice(&lookup::find(event, path)?),
                Piece::Text(text) => write_string(&mut json, &text.render(event)?),
            }
            if json.len() > MAX_EMITTED {
                return Err(EmitError::TooLarge);
            }
        }
        Ok(json)
    }
}

/// Walks through JSON and cuts out the strings that hold placeholders.
struct Cutter<'j> {
    reader: Jiter<'j>,
    json: &'j [u8],
    copied: usize,
    pieces: Vec<Piece>,
}

impl Cutter<'_> {
    fn value(&mut self, first: Peek, pointer: &str) -> Result<(), TemplateError> {
        match first {
            Peek::Array => self.array(pointer),
            Peek::Object => self.object(pointer),
            Peek::String => self.string(pointer),
            scalar => {
                let skipped = self.reader.known_skip(scalar);
                skipped.map_err(|error| not_json(&error, pointer))
            }
        }
    }

    fn array(&mut self, pointer: &str) -> Result<(), TemplateError> {
        let refused = |error: JiterError| not_json(&error, pointer);
        let mut next = self.reader.known_array().map_err(refused)?;
        let mut index = 0_usize;
        while let Some(first) = next {
            self.value(first, &format!("{pointer}/{index}"))?;
            index += 1;
            next = self.reader.array_step().map_err(refused)?;
        }
        Ok(())
    }

    fn object(&mut self, pointer: &str) -> Result<(), TemplateError> {
        let refused = |error: JiterError| not_json(&error, pointer);
        let below = |key: &str| format!("{pointer}/{}", escape_pointer(key));
        let mut next = self.reader.known_object().map_err(refused)?.map(below);
        while let Some(place) = next {
            let first = self.reader.peek().map_err(refused)?;
            self.value(first, &place)?;
            next = self.reader.next_key().map_err(refused)?.map(below);
        }
        Ok(())
    }

    fn string(&mut self, pointer: &str) -> Result<(), TemplateError> {
        let start = self.reader.current_index();
        let text = self.reader.known_str();
        let text = text.map_err(|error| not_json(&error, pointer))?;
        if !text.contains("{{") {
            return Ok(());
        }
        let text = Text::parse(text).map_err(|error| TemplateError::at(pointer, error))?;
        self.copy_up_to(start);
        self.copied = self.reader.current_index();
        self.pieces.push(match text.whole() {
            Some(path) => Piece::Value(path.clone()),
            None => Piece::Text(text),
        });
        Ok(())
    }

    fn copy_up_to(&mut self, end: usize) {
        if self.copied < end {
            let json = self.json[self.copied..end].to_vec();
            self.pieces.push(Piece::Json(json));
        }
        self.copied = end;
    }
}

/// Not to be met: what comes here has passed the check.
fn not_json(error: &JiterError, pointer: &str) -> TemplateError {
    TemplateError::at(pointer, &error.error_type)
}
