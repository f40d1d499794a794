//! Judging: whether an event keeps to the schema of its type. Schemas are compiled when they are
//! first needed and kept as long as there is room.

use std::sync::Arc;

use moka::sync::Cache;

use super::{context::Context, rulebook::Rulebook};
use crate::{
    domain::{
        event::{Event, EventType},
        ids::ProjectId,
        schema::{EventSchema, Validation, Violation},
    },
    store::{StoreResult, rules::Judged},
};

/// The most bytes of schemas, as users wrote them, that are kept compiled.
const CACHED_BYTES: u64 = 16 * 1024 * 1024;

/// How often the rules are read again for one event because they move on meanwhile.
const MAX_READS: usize = 5;

/// What an event is, by the schema of its type.
#[derive(Debug)]
pub(super) struct Judgement {
    /// The version of the project's rules that says so.
    pub(super) version: i64,
    /// Where the event breaks the schema, if it does, and what is to happen then.
    pub(super) broken: Option<(Validation, Violation)>,
}

/// Judges events.
pub(super) struct Judge {
    context: Context,
    rulebook: Arc<Rulebook>,
    schemas: Cache<(ProjectId, EventType), Arc<Compiled>>,
}

/// A schema as it was at a version of its project's rules.
struct Compiled {
    version: i64,
    bytes: u32,
    /// None if what is stored cannot be read by this version of the program.
    schema: Option<EventSchema>,
}

impl Judge {
    pub(super) fn new(context: Context, rulebook: Arc<Rulebook>) -> Self {
        Self {
            context,
            rulebook,
            schemas: Cache::builder()
                .max_capacity(CACHED_BYTES)
                .weigher(|_, compiled: &Arc<Compiled>| compiled.bytes)
                .build(),
        }
    }

    /// Judges `event` by the schema of its type, as far as the rules in memory know it; a refusal is
    /// by the rules as they are.
    pub(super) async fn judge(&self, event: &Event) -> StoreResult<Judgement> {
        let judgement = self.by_known_rules(event).await?;
        match &judgement.broken {
            Some((Validation::Enforce, _)) => {
                // Nobody compares the version of an event that is not written.
                self.rulebook.refresh(event.project).await?;
                self.by_known_rules(event).await
            }
            _ => Ok(judgement),
        }
    }

    async fn by_known_rules(&self, event: &Event) -> StoreResult<Judgement> {
        let event_type = &event.attributes.event_type;
        let mut version = 0;
        for _ in 0..MAX_READS {
            let (current, judged) = self.rulebook.judged(event.project, event_type).await?;
            version = current;
            let Some(judged) = judged else {
                break;
            };
            match self.compiled(event.project, event_type, judged).await? {
                Some(compiled) => {
                    let check = |schema: &EventSchema| schema.check(&event.data).err();
                    let violation = compiled.schema.as_ref().and_then(check);
                    return Ok(Judgement {
                        version,
                        broken: violation.map(|violation| (judged.validation, violation)),
                    });
                }
                None => self.rulebook.refresh(event.project).await?,
            }
        }
        // Whoever writes it compares the version, and judges again if that has moved on.
        Ok(Judgement {
            version,
            broken: None,
        })
    }

    /// The schema as the rules know it; none if it has changed since they were read.
    async fn compiled(
        &self,
        project: ProjectId,
        event_type: &EventType,
        judged: Judged,
    ) -> StoreResult<Option<Arc<Compiled>>> {
        let key = (project, event_type.clone());
        let known = self.schemas.get(&key);
        if let Some(known) = known.filter(|known| known.version == judged.version) {
            return Ok(Some(known));
        }
        let stored = self.context.store.event_schema(project, event_type).await?;
        let Some(stored) = stored.filter(|stored| stored.version == judged.version) else {
            return Ok(None);
        };
        let schema = EventSchema::parse(&stored.text);
        if let Err(error) = &schema {
            tracing::error!(%project, %event_type, %error, "a schema cannot be read; it judges nothing");
        }
        let compiled = Arc::new(Compiled {
            version: stored.version,
            bytes: u32::try_from(stored.text.len()).unwrap_or(u32::MAX),
            schema: schema.ok(),
        });
        self.schemas.insert(key, Arc::clone(&compiled));
        Ok(Some(compiled))
    }
}
