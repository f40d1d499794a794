//! How a schema is judged by what the database has noted.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn known() -> Migrator {
    let migration = |version, sql: &'static str| {
        let kind = MigrationType::Simple;
        Migration::new(
            version,
            Cow::Borrowed("step"),
            kind,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![migration(1, "SELECT 1"), migration(2, "SELECT 2")])
}

/// As the database notes down those of `versions`.
fn applied(versions: &[i64]) -> Vec<Applied> {
    let known = known();
    let checksum = |version| {
        let mut all = known.iter();
        let found = all.find(|one| one.version == version);
        found.map_or_else(Vec::new, |one| one.checksum.to_vec())
    };
    let noted = versions.iter().map(|version| Applied {
        version: *version,
        name: "step".to_owned(),
        at: NOW,
        checksum: checksum(*version),
        is_whole: true,
    });
    noted.collect()
}

fn unfit(schema: &Schema) -> String {
    schema.unfit.as_ref().expect("unfit").to_string()
}

#[test]
fn an_empty_database_has_all_before_it() {
    let schema = Schema::new(&known(), Vec::new(), 1);
    let states = schema.migrations.iter().map(|one| one.state);
    assert!(states.eq([MigrationState::Waiting; 2]));
    assert!(!schema.is_up_to_date());
    assert_eq!(
        unfit(&schema),
        "migrations 1 (step), 2 (step) are not carried out yet: run `riposte migrate up`"
    );
}

#[test]
fn what_is_carried_out_is_up_to_date() {
    let schema = Schema::new(&known(), applied(&[2, 1]), 1);
    let versions = schema.migrations.iter().map(|one| one.version);
    assert!(versions.eq([1, 2]));
    assert!(schema.is_up_to_date() && !schema.is_later());
    assert_eq!(schema.unfit, None);
}

#[test]
fn a_later_schema_is_worked_with_as_long_as_it_is_understood() {
    let later = |understood_from| Schema::new(&known(), applied(&[1, 2, 3]), understood_from);
    let schema = later(2);
    assert_eq!(schema.unfit, None);
    assert!(schema.is_up_to_date() && schema.is_later());
    assert_eq!(schema.migrations[2].state, MigrationState::Later(NOW));
    assert_eq!(
        unfit(&later(3)),
        "it is of a later release, and understood from migration 3 on; this program knows those up \
         to 2: start a later one"
    );
}

#[test]
fn what_is_not_whole_or_not_ours_is_named() {
    let mut half = applied(&[1, 2]);
    half[1].is_whole = false;
    let half = Schema::new(&known(), half, 1);
    assert!(unfit(&half).starts_with("migration 2 (step) began and came to no end"));
    let mut strange = applied(&[1, 2]);
    strange[0].checksum = vec![0];
    let strange = Schema::new(&known(), strange, 1);
    assert!(unfit(&strange).starts_with("migration 1 (step) was carried out in another form"));
    assert!(!strange.is_up_to_date());
}
