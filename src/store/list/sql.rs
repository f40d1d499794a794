//! The SQL of lists.

use super::{
    Index, Scope, Table,
    lead::Lead,
    query::{Query, Term, Value, Wanted},
    range::Range,
};
use crate::store::sql::{Builder, Dialect};

/// Which of the rows along a lead are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The first so many.
    First(u32),
    /// The one after so many.
    After(u32),
    /// All, in any order.
    All,
}

impl Part {
    /// How many rows it takes to find it; none where all are read.
    fn reach(self) -> Option<i64> {
        match self {
            Self::First(number) => Some(number.into()),
            Self::After(number) => Some(i64::from(number) + 1),
            Self::All => None,
        }
    }
}

/// The rows along `lead` within `range`: `whole` ones that have all that the query asks for, or the
/// ids of all. The rows of several values are merged in the order that is asked for behind it.
pub(super) fn rows(
    sql: &mut Builder,
    query: &Query,
    lead: &Lead,
    range: &Range,
    whole: bool,
    part: Part,
) {
    let values: Vec<_> = match &lead.values {
        None => vec![None],
        Some(values) => values.iter().map(Some).collect(),
    };
    let is_merged = values.len() > 1;
    let arm = Arm {
        query,
        lead,
        range,
        whole,
        reach: part.reach().filter(|_| is_merged),
    };
    for (place, value) in values.into_iter().enumerate() {
        if place > 0 {
            sql.push(" UNION ALL ");
        }
        match lead.dialect {
            Dialect::Postgres if is_merged => {
                sql.push("(");
                arm.push(sql, value);
                sql.push(")");
            }
            _ => arm.push(sql, value),
        }
    }
    if part != Part::All {
        let (id, direction) = (query.table.id, range.direction());
        sql.push(format_args!(" ORDER BY {id}{direction}"));
    }
    match part {
        Part::First(number) => {
            sql.push(" LIMIT ").push_bind(i64::from(number));
        }
        Part::After(number) => {
            sql.push(" LIMIT 1 OFFSET ").push_bind(i64::from(number));
        }
        Part::All => {}
    }
}

/// The rows of one value.
struct Arm<'a> {
    query: &'a Query,
    lead: &'a Lead,
    range: &'a Range,
    whole: bool,
    /// How many rows of each value it takes; none where all are read, or there is one value.
    reach: Option<i64>,
}

impl Arm<'_> {
    fn push(&self, sql: &mut Builder, value: Option<&Value>) {
        let Table { alias, id, .. } = self.query.table;
        self.push_source(sql);
        owned(sql, self.query, self.lead.index);
        if let (Some(column), Some(value)) = (self.lead.index.column, value) {
            sql.push(format_args!(" AND {alias}.{column} = "));
            push(sql, value);
        }
        for (than, id_bound) in self.range.from.iter().chain(&self.range.to) {
            sql.push(format_args!(" AND {alias}.{id}{than}"));
            sql.push_bind(id_bound.clone());
        }
        if self.whole {
            rest(sql, self.query, self.lead);
        }
        // PostgreSQL would read all rows of each value before it puts them into order.
        if let (Some(reach), Dialect::Postgres) = (self.reach, self.lead.dialect) {
            let direction = self.range.direction();
            sql.push(format_args!(" ORDER BY {alias}.{id}{direction} LIMIT "));
            sql.push_bind(reach);
        }
    }

    fn push_source(&self, sql: &mut Builder) {
        let Table { alias, id, .. } = self.query.table;
        match self.whole {
            true => sql.push(format_args!("SELECT {}", self.query.table.columns)),
            false => sql.push(format_args!("SELECT {alias}.{id}")),
        };
        source(
            sql,
            self.query,
            self.lead.dialect,
            self.lead.index,
            self.whole,
        );
    }
}

/// Where rows come from: a table, along an index, of an owner. SQLite is told the index, because it
/// keeps no figures of what is where.
pub(super) fn source(
    sql: &mut Builder,
    query: &Query,
    dialect: Dialect,
    index: &'static Index,
    whole: bool,
) {
    let Table { name, alias, .. } = query.table;
    sql.push(format_args!(" FROM {name} AS {alias}"));
    if let (Some(index), Dialect::Sqlite) = (index.name, dialect) {
        sql.push(format_args!(" INDEXED BY {index}"));
    }
    if whole {
        sql.push(query.table.join);
    }
    sql.push(" WHERE TRUE");
    if let Some(fixed) = query.table.always {
        sql.push(format_args!(" AND {alias}.{} {}", fixed.column, fixed.is));
    }
    if let (Some(column), Some(except)) = (index.column, index.except) {
        sql.push(format_args!(" AND {alias}.{column} <> '{except}'"));
    }
}

/// Whose rows they are, where that stands first in the index.
pub(super) fn owned(sql: &mut Builder, query: &Query, index: &'static Index) {
    let Table { alias, owner, .. } = query.table;
    if let (Some(whose), Scope::Owner) = (&query.owner, index.scope) {
        sql.push(format_args!(" AND {alias}.{owner} = "));
        sql.push_bind(whose.clone());
    }
}

/// What the query asks for beside what its lead serves.
fn rest(sql: &mut Builder, query: &Query, lead: &Lead) {
    let Table { alias, owner, .. } = query.table;
    if let (Some(whose), Scope::Few) = (&query.owner, lead.index.scope) {
        sql.push(format_args!(" AND {alias}.{owner} = "));
        sql.push_bind(whose.clone());
    }
    for Term { column, wanted, .. } in residual(query, lead) {
        match wanted {
            Wanted::One(value) => {
                sql.push(format_args!(" AND {alias}.{column} = "));
                push(sql, value);
            }
            Wanted::Range(..) | Wanted::Like(_) => {
                let (from, to) = wanted.range();
                sql.push(format_args!(" AND {alias}.{column} >= "));
                push(sql, &from);
                sql.push(format_args!(" AND {alias}.{column} < "));
                push(sql, &to);
            }
        }
    }
    for check in &query.checks {
        sql.push(" AND ").push(check.before);
        push(sql, &check.value);
        sql.push(check.after);
    }
}

/// The terms that the lead does not serve.
pub(super) fn residual<'q>(query: &'q Query, lead: &Lead) -> impl Iterator<Item = &'q Term> {
    let serves = lead.serves;
    let terms = query.terms.iter().enumerate();
    terms
        .filter(move |(place, _)| Some(*place) != serves)
        .map(|(_, term)| term)
}

/// A value, where one is expected.
pub(super) fn push(sql: &mut Builder, value: &Value) {
    match value {
        Value::Text(text) => sql.push_bind(text.clone()),
        Value::Number(number) => sql.push_bind(*number),
    };
}
