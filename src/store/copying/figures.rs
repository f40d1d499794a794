//! What a project has, counted: that each figure is the same on both sides is what a copy is worth.

use std::collections::BTreeMap;

use super::CopyError;

/// What can be counted with the same statement on either side: project, what is counted, and how many.
pub(super) const COUNTS: &str = "
    SELECT project_id, 'events' AS what, count(*) AS count FROM events GROUP BY project_id
    UNION ALL
    SELECT project_id, 'bytes of events', CAST(sum(length(data)) AS BIGINT) FROM events
    GROUP BY project_id
    UNION ALL
    SELECT project_id, state, count(*) FROM deliveries GROUP BY project_id, state
    UNION ALL
    SELECT project_id, 'attempts', count(*) FROM attempts GROUP BY project_id
    UNION ALL
    SELECT project_id, 'waiting', count(*) FROM queue GROUP BY project_id
    UNION ALL
    SELECT project_id, 'endpoints', count(*) FROM endpoints WHERE deleted_at IS NULL
    GROUP BY project_id
    UNION ALL
    SELECT project_id, 'revisions of listeners', count(*) FROM listener_revisions
    GROUP BY project_id
    UNION ALL
    SELECT project_id, 'skipped without rows', CAST(sum(count) AS BIGINT) FROM skip_counts
    GROUP BY project_id";

/// What a project has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The project.
    pub project: String,
    /// How many of what: events, attempts, deliveries by their states, ….
    pub counts: BTreeMap<String, i64>,
}

/// Rows of [`COUNTS`], by project.
pub(super) fn by_project(rows: Vec<(String, String, i64)>) -> Vec<Figures> {
    let mut projects: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (project, what, count) in rows {
        projects.entry(project).or_default().insert(what, count);
    }
    let figures = projects
        .into_iter()
        .map(|(project, counts)| Figures { project, counts });
    figures.collect()
}

/// Refuses what is not the same on both sides.
pub(super) fn compare(here: &[Figures], there: &[Figures]) -> Result<(), CopyError> {
    let (here, there) = (flat(here), flat(there));
    for key in here.keys().chain(there.keys()) {
        let count = |side: &BTreeMap<_, _>| side.get(key).copied().unwrap_or(0);
        let (here, there) = (count(&here), count(&there));
        if here != there {
            let (project, what) = key;
            return Err(CopyError::differs(
                format!("the count of {what} of {project}"),
                here,
                there,
            ));
        }
    }
    Ok(())
}

fn flat(figures: &[Figures]) -> BTreeMap<(&str, &str), i64> {
    let each = figures.iter().flat_map(|figures| {
        let counts = figures.counts.iter();
        counts.map(|(what, count)| ((figures.project.as_str(), what.as_str()), *count))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rows: &[(&str, &str, i64)]) -> Vec<Figures> {
        let rows = rows
            .iter()
            .map(|(project, what, count)| ((*project).to_owned(), (*what).to_owned(), *count));
        by_project(rows.collect())
    }

    #[test]
    fn what_is_on_one_side_alone_is_named() {
        let here = figures(&[("prj_1", "events", 3), ("prj_1", "dead", 1)]);
        assert!(compare(&here, &here).is_ok());
        for there in [
            figures(&[("prj_1", "events", 3)]),
            figures(&[("prj_1", "events", 3), ("prj_1", "dead", 2)]),
        ] {
            let error = compare(&here, &there).expect_err("differs").to_string();
            assert!(
                error.starts_with("the count of dead of prj_1 is 1 here"),
                "{error}"
            );
        }
        let error = compare(&[], &here).expect_err("differs").to_string();
        assert!(error.contains("is 0 here and 1 there"), "{error}");
    }
}
