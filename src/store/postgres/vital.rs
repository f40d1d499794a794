//! The connection that the life of a node hangs on: heartbeats go over it and nothing else, so that no
//! load keeps them from the database. One that did not answer in time is given up, and the next
//! heartbeat takes another.

use std::ops::{Deref, DerefMut};

use crate::store::sql::{Connection, Reader};

/// How many there may be: one that hangs, and the one after it.
pub(super) const CONNECTIONS: u32 = 2;

/// A connection for a heartbeat.
pub(in crate::store) struct Vital {
    connection: Reader,
    works: bool,
}

impl Vital {
    /// Keeps the connection for the next heartbeat.
    pub(in crate::store) fn works(mut self) {
        self.works = true;
    }
}

impl From<Reader> for Vital {
    fn from(connection: Reader) -> Self {
        Self {
            connection,
            works: false,
        }
    }
}

impl Deref for Vital {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Vital {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Vital {
    fn drop(&mut self) {
        if !self.works {
            self.connection.close_on_drop();
        }
    }
}
