//! The SQL of lists. What only SQLite understands stands in [`source`].

use type_safe_id::{StaticType, TypeSafeId};

use super::{
    Index, Scope, Table,
    lead::{Bound, Lead},
    query::{Query, Term, Value, Wanted},
};
use crate::{
    domain::{
        ids::first_at,
        list::{Order, Window},
    },
    store::sql::Builder,
};

/// A range of ids, in an order.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) order: Order,
    /// `>` or `>=`, and an id.
    from: Option<(&'static str, String)>,
    /// `<` or `<=`, and an id.
    to: Option<(&'static str, String)>,
}

impl Range {
    /// The ids that a window shows.
    pub(super) fn of<K: StaticType>(window: &Window<TypeSafeId<K>>) -> Self {
        let since = window.since.map(|since| first_at::<K>(since).to_string());
        let until = window.until.map(|until| first_at::<K>(until).to_string());
        let after = window.after.as_ref().map(TypeSafeId::to_string);
        let (above, below) = match window.order {
            Order::Newest => (None, after),
            Order::Oldest => (after, None),
        };
        // One bound on each side: an index is entered at one place, and read up to another.
        let from = match (since, above) {
            (Some(since), Some(above)) if above < since => Some((" >= ", since)),
            (_, Some(above)) => Some((" > ", above)),
            (since, None) => since.map(|since| (" >= ", since)),
        };
        let to = match (until, below) {
            (Some(until), Some(below)) => Some(until.min(below)),
            (until, below) => until.or(below),
        };
        Self {
            order: window.order,
            from,
            to: to.map(|to| (" < ", to)),
        }
    }

    /// The part of it up to the last row that is looked at.
    pub(super) fn up_to(&self, bound: &Bound) -> Self {
        let mut range = self.clone();
        if let Some(last) = bound.0.clone() {
            match self.order {
                Order::Newest => range.from = Some((" >= ", last)),
                Order::Oldest => range.to = Some((" <= ", last)),
            }
        }
        range
    }

    /// Puts the rows of `table` into order.
    pub(super) fn order(&self, sql: &mut Builder, table: &Table) {
        let direction = match self.order {
            Order::Newest => " DESC",
            Order::Oldest => "",
        };
        sql.push(format_args!(" ORDER BY {}{direction}", table.id));
    }
}

/// The rows along `lead` within `range`: `whole` ones that have all that the query asks for, or the
/// ids of all. The rows of several values are merged in the order that is asked for behind it.
pub(super) fn arms(sql: &mut Builder, query: &Query, lead: &Lead, range: &Range, whole: bool) {
    let Some(values) = &lead.values else {
        return arm(sql, query, lead, None, range, whole);
    };
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            sql.push(" UNION ALL ");
        }
        arm(sql, query, lead, Some(value), range, whole);
    }
}

fn arm(
    sql: &mut Builder,
    query: &Query,
    lead: &Lead,
    value: Option<&Value>,
    range: &Range,
    whole: bool,
) {
    let Table { alias, id, .. } = query.table;
    match whole {
        true => sql.push(format_args!("SELECT {}", query.table.columns)),
        false => sql.push(format_args!("SELECT {alias}.{id}")),
    };
    source(sql, query, lead.index, whole);
    if let (Some(column), Some(value)) = (lead.index.column, value) {
        sql.push(format_args!(" AND {alias}.{column} = "));
        push(sql, value);
    }
    for (than, id_bound) in range.from.iter().chain(&range.to) {
        sql.push(format_args!(" AND {alias}.{id}{than}"));
        sql.push_bind(id_bound.clone());
    }
    if whole {
        rest(sql, query, lead);
    }
}

/// Where rows come from: a table, along an index, of an owner. The index is named because SQLite
/// keeps no figures of what is where; PostgreSQL does, and has no such clause.
pub(super) fn source(sql: &mut Builder, query: &Query, index: &'static Index, whole: bool) {
    let Table {
        name, alias, owner, ..
    } = query.table;
    sql.push(format_args!(" FROM {name} AS {alias}"));
    if let Some(index) = index.name {
        sql.push(format_args!(" INDEXED BY {index}"));
    }
    if whole {
        sql.push(query.table.join);
    }
    sql.push(" WHERE TRUE");
    if let (Some(whose), Scope::Owner) = (&query.owner, index.scope) {
        sql.push(format_args!(" AND {alias}.{owner} = "));
        sql.push_bind(whose.clone());
    }
    if let Some(fixed) = query.table.always {
        sql.push(format_args!(" AND {alias}.{} {}", fixed.column, fixed.is));
    }
    if let (Some(column), Some(except)) = (index.column, index.except) {
        sql.push(format_args!(" AND {alias}.{column} <> '{except}'"));
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
