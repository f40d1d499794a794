//! What the database says when it is asked: whether this program works with its schema, and what may
//! make it lose what it has acknowledged.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    cli::{Exit, look::Sign},
    config::Database,
    store::{
        StoreResult,
        migrations::{self, Schema},
        postgres::{self, Weakness},
    },
};

/// What a database has said.
pub struct Answer {
    schema: Schema,
    weaknesses: Vec<Weakness>,
}

impl Answer {
    /// Asks `database`. Nothing is changed there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn of(database: &Database) -> StoreResult<Self> {
        let url = database.url();
        Ok(Self {
            schema: migrations::status(url.expose()).await?,
            weaknesses: match database {
                Database::Sqlite(_) => Vec::new(),
                Database::Postgres(_) => postgres::weaknesses_at(url.expose()).await?,
            },
        })
    }

    /// How the command ends with this.
    pub fn exit(&self) -> Exit {
        match self.schema.unfit.is_none() && self.weaknesses.is_empty() {
            true => Exit::Success,
            false => Exit::No,
        }
    }

    /// Writes it as sentences.
    pub fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let good = Sign::Good.coloured();
        match &self.schema.unfit {
            None => writeln!(
                out,
                "\n{good} This program works with the schema of the database."
            )?,
            Some(unfit) => writeln!(
                out,
                "\n{} The schema of the database does not fit: {unfit}.",
                Sign::Bad.coloured()
            )?,
        }
        if self.weaknesses.is_empty() {
            writeln!(out, "{good} The database keeps what it acknowledges.")?;
        }
        for Weakness {
            setting,
            value,
            risk,
        } in &self.weaknesses
        {
            let bad = Sign::Bad.coloured();
            writeln!(
                out,
                "{bad} The database is not durable: {setting} is {value}: {risk}."
            )?;
        }
        Ok(())
    }

    /// The same for programs.
    pub fn to_json(&self) -> Value {
        json!({
            "unfit": self.schema.unfit.as_ref().map(ToString::to_string),
            "up_to_date": self.schema.is_up_to_date(),
            "weaknesses": self.weaknesses,
        })
    }
}
