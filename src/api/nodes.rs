//! `/v1/nodes`: the processes that share the store, and how they are. For operators alone.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::needs_operator, auth::Operator, page::Page, problem::ApiResult, refusals::Forbidden,
    state::ApiState,
};
use crate::domain::{
    ids::NodeId,
    node::{Node, NodeState},
    time::Timestamp,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs_operator(routes!(list)))
}

/// A node: one process that serves. All times are by the clock of the database, if that has one.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeView {
    /// Its name in Riposte, which each run has anew.
    #[schema(value_type = String, example = "nod_01h455vb4pex5vsknk084sn02q")]
    id: NodeId,
    /// The version of its program.
    #[schema(example = "0.1.0")]
    version: String,
    /// Where its API listens.
    #[schema(example = "10.0.0.7:8080")]
    address: Option<String>,
    /// What has become of it: `live`, `lost` (its lease ran out, and others do its work) or `left` (it
    /// has stopped).
    state: NodeState,
    /// Whether it is the one that does what one of all nodes is to do, such as retention.
    #[schema(example = true)]
    leader: bool,
    /// Its number among the nodes: the smallest that was free when it joined.
    #[schema(example = 0)]
    shard: u32,
    /// Which of its leases it has: it begins with 1, and each lease that it loses is one more.
    #[schema(example = 1)]
    epoch: u64,
    /// When it joined.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it was last heard of.
    #[schema(value_type = String, format = DateTime)]
    heartbeat_at: Timestamp,
    /// When its lease runs out unless it is heard of again; null if it never does, because there can be
    /// no other node.
    #[schema(value_type = Option<String>, format = DateTime)]
    lease_until: Option<Timestamp>,
    /// What it had in memory when it was last heard of.
    lanes: LanesView,
    /// By how many milliseconds its own clock was ahead of the database's, which it goes by; null if it
    /// goes by its own.
    #[schema(example = 12)]
    clock_ahead_ms: Option<i64>,
    /// What may make the database lose what it has acknowledged, as this node found it when it started.
    #[schema(example = json!([]))]
    weaknesses: Vec<String>,
}

/// What a node has in memory: each endpoint that it sends to has a lane.
#[derive(Debug, Serialize, ToSchema)]
pub struct LanesView {
    /// How many lanes it has.
    #[schema(example = 40)]
    open: u64,
    /// Deliveries that wait in them for their turn.
    #[schema(example = 7)]
    waiting: u64,
    /// Deliveries whose attempt is under way, or is being recorded.
    #[schema(example = 3)]
    in_flight: u64,
}

/// List the nodes that share the store.
///
/// Those that live come first, then those that were lost or have left, which are shown for a day. On SQLite
/// there is one.
#[utoipa::path(get, path = "/v1/nodes", tag = "operation",
    responses(
        (status = 200, description = "The nodes.", body = Page<NodeView>),
        Forbidden))]
async fn list(State(state): State<ApiState>, _: Operator) -> ApiResult<Json<Page<NodeView>>> {
    let nodes = state.gateway.nodes().await?;
    let live = nodes.iter().filter(|node| node.state == NodeState::Live);
    let leader = live.map(|node| node.shard).min();
    let views = nodes.into_iter().map(|node| NodeView::of(node, leader));
    Ok(Json(Page {
        data: views.collect(),
        next: None,
        scanned_until: None,
    }))
}

impl NodeView {
    /// `node` among those of which `leader` is the smallest shard that lives.
    fn of(node: Node, leader: Option<u32>) -> Self {
        let lanes = node.status.lanes;
        Self {
            id: node.lease.node,
            version: node.version,
            address: node.address,
            state: node.state,
            leader: node.state == NodeState::Live && Some(node.shard) == leader,
            shard: node.shard,
            epoch: node.lease.epoch,
            started_at: node.started_at,
            heartbeat_at: node.heartbeat_at,
            lease_until: node.lease_until,
            lanes: LanesView {
                open: lanes.open,
                waiting: lanes.waiting,
                in_flight: lanes.in_flight,
            },
            clock_ahead_ms: node.status.clock_ahead_ms,
            weaknesses: node.status.weaknesses,
        }
    }
}
