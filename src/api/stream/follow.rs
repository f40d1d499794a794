//! Following: one stream, from where it begins to its end.

use std::{sync::Arc, time::Duration};

use axum::{extract::FromRequestParts as _, http::request::Parts};
use bytes::Bytes;
use tokio::sync::watch;

use super::{
    control,
    feed::Feed,
    filter::Filter,
    message::MessageView,
    parameters::Start,
    pipe::{CHUNK, NotTaken, Pipe},
};
use crate::{
    api::{
        auth::{Caller, InProject},
        state::ApiState,
    },
    domain::{
        happening::{ClosingReason, GapReason, Place},
        ids::ProjectId,
    },
    store::{
        StoreResult,
        journal::{Moment, Page, Standing},
    },
};

/// Streams look for what is new at the ticks of this length, all at the same ones: what is read for
/// one serves all, however often the bell rings.
const TICK: Duration = Duration::from_millis(50);

/// How often it is asked whether the key still opens the project.
const RECHECK: Duration = Duration::from_secs(2);

/// One stream.
pub struct Follower {
    /// The project, and what its streams share.
    pub feed: Arc<Feed>,
    /// What is told.
    pub filter: Filter,
    /// Whether it goes on when all is told.
    pub follows: bool,
    /// What opens the project.
    pub admission: Admission,
    /// What every handler has at hand.
    pub state: ApiState,
}

/// What opens a project: the request, to be judged again.
pub struct Admission {
    project: ProjectId,
    parts: Parts,
}

impl Admission {
    /// The request was let in to `project`.
    pub fn new(project: ProjectId, parts: Parts) -> Self {
        Self { project, parts }
    }

    /// Whether the request would be let in now. A store that does not answer locks nobody out.
    async fn holds(&mut self, state: &ApiState) -> bool {
        // Who asks is found out anew, with what the route takes.
        self.parts.extensions.remove::<Caller>();
        match InProject::from_request_parts(&mut self.parts, state).await {
            Ok(InProject { project, .. }) => project.id == self.project,
            Err(problem) => problem.status >= 500,
        }
    }
}

/// Why a stream has nothing more to say.
enum End {
    /// The reader hears why.
    Told(ClosingReason),
    /// The reader has gone.
    Gone,
}

impl From<NotTaken> for End {
    fn from(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::Gone => Self::Gone,
            NotTaken::TooSlow => Self::Told(ClosingReason::TooSlow),
            NotTaken::Stopping => Self::Told(ClosingReason::Stopping),
        }
    }
}

impl Follower {
    /// Tells what happens, until there is a reason to end.
    pub async fn run(mut self, start: Start, pipe: Pipe) {
        let mut place = Place::default();
        match self.tell(start, &pipe, &mut place).await {
            Err(End::Told(reason)) => pipe.close(control::closing(reason, place)),
            Err(End::Gone) | Ok(()) => {}
        }
    }

    /// Tells what happens; `place` is how far it has come.
    async fn tell(&mut self, start: Start, pipe: &Pipe, place: &mut Place) -> Result<(), End> {
        // The bell is heard from before the first look on.
        let mut bell = self.feed.bell();
        let begun = self.state.store.journal_moment().await;
        let begun = begun.map_err(unreadable)?;
        let (begin, gap) = self.begin(start).await.map_err(unreadable)?;
        *place = begin;
        pipe.hand(control::open(self.feed.project(), begin)).await?;
        if let Some(gap) = gap {
            pipe.hand(gap).await?;
        }
        let mut rhythm = Rhythm::new(&self.state);
        loop {
            bell.mark_unchanged();
            let is_last = !self.follows && self.can_tell(begun).await?;
            while let Some(page) = self.feed.after(*place).await.map_err(unreadable)? {
                self.tell_page(&page, pipe, place).await?;
                self.keep_time(&mut rhythm, pipe, *place).await?;
            }
            if is_last {
                return Err(End::Told(ClosingReason::CaughtUp));
            }
            self.wait(&mut bell, &rhythm, pipe).await?;
            self.keep_time(&mut rhythm, pipe, *place).await?;
        }
    }

    /// Whether all that was durable at `moment` can be read: some of it may have to wait for what was
    /// written at the same time.
    async fn can_tell(&self, moment: Moment) -> Result<bool, End> {
        let tells = self.state.store.journal_tells(moment).await;
        tells.map_err(unreadable)
    }

    /// The place after which to begin, and what there is to say first.
    async fn begin(&self, start: Start) -> StoreResult<(Place, Option<Bytes>)> {
        let (store, project) = (&self.state.store, self.feed.project());
        let asked = match start {
            Start::Now => return Ok((store.journal_head(project).await?, None)),
            Start::After(place) => place,
            Start::Since(time) => store.journal_since(project, time).await?,
        };
        let (standing, oldest) = store.journal_standing(project, asked).await?;
        let (reason, place) = match standing {
            Standing::Kept => return Ok((asked, None)),
            Standing::Expired => (GapReason::Expired, oldest),
            Standing::Unknown => (GapReason::UnknownPlace, store.journal_head(project).await?),
        };
        Ok((place, Some(control::gap(reason, asked, place))))
    }

    async fn tell_page(&self, page: &Page, pipe: &Pipe, place: &mut Place) -> Result<(), End> {
        if let Some(kept_after) = page.gap {
            let gap = control::gap(GapReason::Expired, page.after, kept_after);
            pipe.hand(gap).await?;
        }
        let mut chunk = String::new();
        for happening in &page.happenings {
            if self.filter.lets_through(happening) {
                let view = MessageView::of(happening);
                chunk += &control::message(happening.place, happening.kind.as_str(), &view);
            }
            if chunk.len() >= CHUNK {
                pipe.hand(std::mem::take(&mut chunk).into()).await?;
                *place = happening.place;
            }
        }
        if !chunk.is_empty() {
            pipe.hand(chunk.into()).await?;
        }
        *place = page.reach;
        Ok(())
    }

    /// Waits until there may be something new, or something else to do.
    async fn wait(
        &self,
        bell: &mut watch::Receiver<()>,
        rhythm: &Rhythm,
        pipe: &Pipe,
    ) -> Result<(), End> {
        let clock = &self.state.clock;
        let now = clock.elapsed();
        let next = match self.follows {
            true => rhythm.next().saturating_sub(now),
            // What is still to be told may come without a sound.
            false => TICK,
        };
        let rung = async {
            if bell.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            let into = clock.elapsed().as_nanos() % TICK.as_nanos();
            let into = Duration::from_nanos(u64::try_from(into).unwrap_or(0));
            clock.sleep(TICK - into).await;
        };
        tokio::select! {
            () = rung => Ok(()),
            () = clock.sleep(next) => Ok(()),
            () = pipe.gone() => Err(End::Gone),
            () = self.state.stopping.cancelled() => Err(End::Told(ClosingReason::Stopping)),
        }
    }

    /// Does what is due: asks whether the key still holds, says that the stream is alive.
    async fn keep_time(
        &mut self,
        rhythm: &mut Rhythm,
        pipe: &Pipe,
        place: Place,
    ) -> Result<(), End> {
        let now = self.state.clock.elapsed();
        if rhythm.recheck <= now {
            rhythm.recheck = now + RECHECK;
            if !self.admission.holds(&self.state).await {
                return Err(End::Told(ClosingReason::KeyEnded));
            }
        }
        if rhythm.heartbeat <= now {
            rhythm.heartbeat = now + self.state.streams.settings.heartbeat;
            pipe.hand(control::heartbeat(place)).await?;
        }
        Ok(())
    }
}

/// When what is done now and then is due, on the clock's count of elapsed time.
struct Rhythm {
    heartbeat: Duration,
    recheck: Duration,
}

impl Rhythm {
    fn new(state: &ApiState) -> Self {
        let now = state.clock.elapsed();
        Self {
            heartbeat: now + state.streams.settings.heartbeat,
            recheck: now + RECHECK,
        }
    }

    fn next(&self) -> Duration {
        self.heartbeat.min(self.recheck)
    }
}

fn unreadable(error: crate::store::StoreError) -> End {
    tracing::error!(%error, "a stream cannot read on");
    End::Told(ClosingReason::Unavailable)
}
