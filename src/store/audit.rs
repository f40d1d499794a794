//! The audit log: what was changed, by whom, and how it was before.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::{
    Connection, Store, StoreResult,
    change::Change,
    list::{Index, Query, Table},
    notices,
    sql::{Row, query, to_json, unreadable},
};
use crate::domain::{
    audit::{Action, Actor, ObjectKind, Realm},
    ids::AuditId,
    list::{Listed, Window},
    time::Timestamp,
};

/// A thing whose changes stand in the audit log.
///
/// What is written about it is the document by which the API shows it, so the API says what that
/// is. It holds no secret: no key, no signing secret, no value of a sensitive header.
pub trait Audited {
    /// In whose log its changes stand.
    fn realm(&self) -> Realm;

    /// What it is called.
    fn name(&self) -> String;

    /// Its document, without secrets.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    fn document(&self) -> serde_json::Result<Box<RawValue>>;
}

/// What was done to a thing.
#[derive(Debug, Clone)]
pub struct Entry {
    action: Action,
    realm: Realm,
    object: String,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
    fields: BTreeSet<String>,
    why: Option<String>,
}

/// An entry as it is stored.
#[derive(Debug, Clone)]
pub struct AuditRecord {
    /// Its name.
    pub id: AuditId,
    /// When it was done.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What their API key was called then.
    pub actor_name: Option<String>,
    /// From where it was asked for.
    pub address: Option<String>,
    /// Why the gateway did it by itself.
    pub why: Option<String>,
    /// What was done.
    pub action: Action,
    /// To what kind of thing.
    pub object_kind: ObjectKind,
    /// What that is called.
    pub object: String,
    /// The fields that differ.
    pub fields: Vec<String>,
    /// The document before.
    pub before: Option<Box<RawValue>>,
    /// The document since.
    pub after: Option<Box<RawValue>>,
}

impl Entry {
    /// A thing was made.
    ///
    /// # Errors
    /// If it has no document.
    pub fn made(action: Action, thing: &impl Audited) -> StoreResult<Self> {
        Self::new(action, thing, None, Some(document(thing)?))
    }

    /// A thing was changed from `before` to `after`.
    ///
    /// # Errors
    /// If one of them has no document.
    pub fn changed<T: Audited>(action: Action, before: &T, after: &T) -> StoreResult<Self> {
        Self::new(
            action,
            after,
            Some(document(before)?),
            Some(document(after)?),
        )
    }

    /// A thing is gone.
    ///
    /// # Errors
    /// If it has no document.
    pub fn gone(action: Action, thing: &impl Audited) -> StoreResult<Self> {
        Self::new(action, thing, Some(document(thing)?), None)
    }

    /// The same, where `field` differs though the documents may hide it.
    #[must_use]
    pub fn and(mut self, field: &str, differs: bool) -> Self {
        if differs {
            self.fields.insert(field.to_owned());
        }
        self
    }

    /// The same, done by the gateway itself for this reason.
    #[must_use]
    pub fn because(self, why: impl Into<String>) -> Self {
        Self {
            why: Some(why.into()),
            ..self
        }
    }

    /// What was done.
    pub(super) fn action(&self) -> Action {
        self.action
    }

    /// In whose log it stands.
    pub(super) fn realm(&self) -> Realm {
        self.realm
    }

    /// What the thing is called.
    pub(super) fn object(&self) -> &str {
        &self.object
    }

    fn new(
        action: Action,
        thing: &impl Audited,
        before: Option<Box<RawValue>>,
        after: Option<Box<RawValue>>,
    ) -> StoreResult<Self> {
        let fields = match (&before, &after) {
            (Some(before), Some(after)) => differing(before, after)?,
            _ => BTreeSet::new(),
        };
        Ok(Self {
            action,
            realm: thing.realm(),
            object: thing.name(),
            before,
            after,
            fields,
            why: None,
        })
    }
}

/// Which entries to list; what is left out says nothing.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only those about this thing.
    pub object: Option<String>,
    /// Only those about things of this kind.
    pub kind: Option<ObjectKind>,
    /// Only those of this action.
    pub action: Option<Action>,
    /// Only those of this actor.
    pub actor: Option<Actor>,
}

/// All entries.
static AUDIT: Table = Table {
    name: "audit",
    alias: "a",
    id: "id",
    owner: "realm",
    columns: "a.*",
    join: "",
    always: None,
    all: Index::all("audit_by_realm"),
    all_values: &[],
    indexes: &[
        Index::by("object_id", "audit_by_object"),
        Index::by("actor", "audit_by_actor"),
        Index::by("action", "audit_by_action"),
        Index::by("object_kind", "audit_by_kind"),
    ],
};

impl AuditFilter {
    /// What it asks of the log of `realm`.
    pub(super) fn query(&self, realm: Realm) -> Query {
        Query::of(&AUDIT, realm)
            .only("object_id", self.object.as_deref())
            .only("actor", self.actor.map(|actor| actor.to_string()))
            .only("action", self.action.map(Action::as_str))
            .only("object_kind", self.kind.map(ObjectKind::as_str))
    }
}

impl Store {
    /// The entries of the log of `realm` that `filter` lets through.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn audit(
        &self,
        realm: Realm,
        filter: &AuditFilter,
        window: &Window<AuditId>,
    ) -> StoreResult<Listed<AuditRecord, AuditId>> {
        let mut snapshot = self.browse().await?;
        let read = |row: &Row| record(row).map(Some);
        let query = filter.query(realm);
        query.list(&mut snapshot, window, read).await
    }

    /// Writes an entry as a part of `change`, and tells other nodes what it means to them.
    pub(super) async fn note(
        &self,
        connection: &mut Connection,
        change: &Change,
        entry: Entry,
    ) -> StoreResult<()> {
        notices::tell_entry(&mut *connection, &entry).await?;
        let id: AuditId = self.ids.next(change.now);
        query(
            "INSERT INTO audit (id, realm, at, actor, actor_name, address, why, action, object_kind,
                                object_id, fields_json, before_json, after_json)
             VALUES ($1, $2, $3, $4, (SELECT name FROM api_keys WHERE id = $4), $5, $6, $7, $8, $9,
                     $10, $11, $12)",
        )
        .bind(id.to_string())
        .bind(entry.realm.to_string())
        .bind(change.now.as_millis())
        .bind(change.by.to_string())
        .bind(change.address.map(|address| address.to_string()))
        .bind(entry.why)
        .bind(entry.action.as_str())
        .bind(entry.action.object().as_str())
        .bind(entry.object)
        .bind(to_json(&entry.fields)?)
        .bind(entry.before.map(|document| String::from(Box::<str>::from(document))))
        .bind(entry.after.map(|document| String::from(Box::<str>::from(document))))
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn document(thing: &impl Audited) -> StoreResult<Box<RawValue>> {
    thing
        .document()
        .map_err(|error| unreadable("document", error))
}

/// The fields of two documents that are not the same in both.
fn differing(before: &RawValue, after: &RawValue) -> StoreResult<BTreeSet<String>> {
    let read = |document: &RawValue| {
        serde_json::from_str::<IndexMap<String, Box<RawValue>>>(document.get())
            .map_err(|error| unreadable("document", error))
    };
    let (before, after) = (read(before)?, read(after)?);
    let value = |document: &IndexMap<String, Box<RawValue>>, field: &str| {
        document.get(field).map(|value| value.get().to_owned())
    };
    let fields = before.keys().chain(after.keys());
    let differ = fields.filter(|field| value(&before, field) != value(&after, field));
    Ok(differ.cloned().collect())
}

fn record(row: &Row) -> StoreResult<AuditRecord> {
    let document = |column| {
        let text = row.text_opt(column)?;
        text.map(|text| RawValue::from_string(text).map_err(|error| unreadable(column, error)))
            .transpose()
    };
    Ok(AuditRecord {
        id: row.parsed("id")?,
        at: row.time("at")?,
        actor: row.parsed("actor")?,
        actor_name: row.text_opt("actor_name")?,
        address: row.text_opt("address")?,
        why: row.text_opt("why")?,
        action: row.parsed("action")?,
        object_kind: row.parsed("object_kind")?,
        object: row.text("object_id")?,
        fields: row.json("fields_json")?,
        before: document("before_json")?,
        after: document("after_json")?,
    })
}
