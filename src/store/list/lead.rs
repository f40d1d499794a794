//! Which index a list is read along, and how far.

use type_safe_id::{StaticType, TypeSafeId};

use super::{
    Index, MAX_ARMS, MAX_HOPS, SCAN_BUDGET, Scope,
    query::{Query, Term, Value, Wanted},
    range::Range,
    sql::{Part, owned, push, rows, source},
};
use crate::{
    domain::list::Order,
    store::{
        Connection, StoreResult,
        sql::{Builder, Dialect, unreadable},
    },
};

/// The index that a list is read along, and where in it.
#[derive(Debug)]
pub(super) struct Lead {
    pub(super) dialect: Dialect,
    pub(super) index: &'static Index,
    /// The values of its column, whose rows are merged; none where it has no column.
    pub(super) values: Option<Vec<Value>>,
    /// Which of the query's terms it serves.
    pub(super) serves: Option<usize>,
}

/// The last row that is looked at; none where all of them are.
#[derive(Debug, Default)]
pub(super) struct Bound(pub(super) Option<String>);

impl Lead {
    /// The lead for `query`, and how far to look along it.
    pub(super) async fn choose(
        query: &Query,
        connection: &mut Connection,
        range: &Range,
    ) -> StoreResult<(Self, Bound)> {
        let candidates = Self::candidates(query, connection).await?;
        let mut best: Option<(Self, Bound)> = None;
        for lead in candidates {
            if lead.is_exact(query) {
                return Ok((lead, Bound(None)));
            }
            let bound = lead.bound(query, connection, range).await?;
            if bound.0.is_none() {
                return Ok((lead, bound));
            }
            if best
                .as_ref()
                .is_none_or(|(_, best)| bound.reaches_further(best, range))
            {
                best = Some((lead, bound));
            }
        }
        let all = || (Self::all(query, connection.dialect()), Bound(None));
        Ok(best.unwrap_or_else(all))
    }

    /// Every index that serves a term of `query`, or the one of all rows.
    async fn candidates(query: &Query, connection: &mut Connection) -> StoreResult<Vec<Self>> {
        let dialect = connection.dialect();
        let mut candidates = Vec::new();
        for (place, term) in query.terms.iter().enumerate() {
            if let Some(index) = term.index
                && let Some(values) = values(query, index, term, connection).await?
            {
                candidates.push(Self {
                    dialect,
                    index,
                    values: Some(values),
                    serves: Some(place),
                });
            }
        }
        if candidates.is_empty() {
            candidates.push(Self::all(query, dialect));
        }
        Ok(candidates)
    }

    pub(super) fn all(query: &Query, dialect: Dialect) -> Self {
        let table = query.table;
        let values = table.all_values.iter().map(|value| Value::from(*value));
        Self {
            dialect,
            index: &table.all,
            values: table.all.column.map(|_| values.collect()),
            serves: None,
        }
    }

    /// Whether a page along it costs a page, or all that there is along it is little.
    fn is_exact(&self, query: &Query) -> bool {
        let rest = query.terms.len() - usize::from(self.serves.is_some());
        let is_all = rest == 0 && query.checks.is_empty() && !query.is_picky;
        is_all || self.index.scope == Scope::Few
    }

    async fn bound(
        &self,
        query: &Query,
        connection: &mut Connection,
        range: &Range,
    ) -> StoreResult<Bound> {
        let probe = self.probe(query, range);
        let row = probe.build().fetch_optional(connection).await?;
        let last = row.map(|row| row.text(query.table.id)).transpose()?;
        Ok(Bound(last))
    }

    /// The query for the last row that is looked at along it.
    pub(super) fn probe(&self, query: &Query, range: &Range) -> Builder {
        let mut probe = Builder::new("");
        let last = Part::After(SCAN_BUDGET - 1);
        rows(&mut probe, query, self, range, false, last);
        probe
    }
}

impl Bound {
    fn reaches_further(&self, other: &Self, range: &Range) -> bool {
        match range.order {
            Order::Newest => self.0 < other.0,
            Order::Oldest => self.0 > other.0,
        }
    }

    /// The id of the last row that is looked at.
    pub(super) fn last<K: StaticType>(&self) -> StoreResult<Option<TypeSafeId<K>>> {
        let last = self.0.as_ref();
        last.map(|last| last.parse().map_err(|_| unreadable("id", last)))
            .transpose()
    }
}

/// The values in the column of `index` that `term` wants; none if there are too many of them.
async fn values(
    query: &Query,
    index: &'static Index,
    term: &Term,
    connection: &mut Connection,
) -> StoreResult<Option<Vec<Value>>> {
    if let Wanted::One(value) = &term.wanted {
        return Ok(Some(vec![value.clone()]));
    }
    let hops = hops(query, connection.dialect(), index, term);
    let rows = hops.build().fetch_all(connection).await?;
    if rows.len() > MAX_HOPS as usize {
        return Ok(None);
    }
    let mut values = Vec::new();
    for row in &rows {
        let value = match &term.wanted {
            Wanted::Range(Value::Number(_), _) => Value::Number(row.number("value")?),
            Wanted::Like(subject) if !subject.matches(&row.text("value")?) => continue,
            _ => Value::Text(row.text("value")?),
        };
        values.push(value);
    }
    if values.is_empty() {
        // No row has what the range begins with, or it would have been found.
        values.push(term.wanted.range().0);
    }
    Ok((values.len() <= MAX_ARMS as usize).then_some(values))
}

/// Hops from value to value through an index: the cost follows their number, not that of the rows.
pub(super) fn hops(query: &Query, dialect: Dialect, index: &'static Index, term: &Term) -> Builder {
    let (from, to) = term.wanted.range();
    let mut hops = Builder::new("WITH RECURSIVE hop (value) AS (SELECT ");
    next_value(&mut hops, query, dialect, index, " >= ");
    push(&mut hops, &from);
    end(&mut hops, query, term.column, &to);
    hops.push(" UNION ALL SELECT (SELECT ");
    next_value(&mut hops, query, dialect, index, " > ");
    hops.push("hop.value");
    end(&mut hops, query, term.column, &to);
    hops.push(
        ") FROM hop WHERE hop.value IS NOT NULL) SELECT value FROM hop WHERE value IS NOT NULL LIMIT ",
    );
    hops.push_bind(i64::from(MAX_HOPS) + 1);
    hops
}

fn next_value(
    hops: &mut Builder,
    query: &Query,
    dialect: Dialect,
    index: &'static Index,
    beyond: &'static str,
) {
    let alias = query.table.alias;
    let column = index.column.unwrap_or(query.table.id);
    hops.push(format_args!("min({alias}.{column})"));
    source(hops, query, dialect, index, false);
    owned(hops, query, index);
    hops.push(format_args!(" AND {alias}.{column}{beyond}"));
}

fn end(hops: &mut Builder, query: &Query, column: &'static str, to: &Value) {
    hops.push(format_args!(" AND {}.{column} < ", query.table.alias));
    push(hops, to);
}
