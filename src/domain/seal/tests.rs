use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

fn key(seed: u64) -> SealingKey {
    SealingKey::generate(&Chance::seeded(seed))
}

#[test]
fn a_sealed_secret_opens_in_its_own_row_alone() {
    let key = key(1);
    let sealed = key
        .seal(&Chance::seeded(2), b"secret", "endpoint/1")
        .expect("sealed");
    assert_eq!(
        key.open(&sealed, "endpoint/1").as_deref(),
        Ok(&b"secret".to_vec())
    );
    for row in ["endpoint/2", "endpoint/", ""] {
        assert_eq!(key.open(&sealed, row), Err(SealError::Broken), "{row}");
    }
}

#[test]
fn the_same_secret_looks_different_each_time() {
    let (key, chance) = (key(1), Chance::seeded(2));
    let seal = || key.seal(&chance, b"secret", "row").expect("sealed");
    let (first, second) = (seal(), seal());
    assert_ne!(first, second);
    assert!(!first.windows(6).any(|window| window == b"secret"));
}

#[test]
fn a_ring_opens_what_each_of_its_keys_sealed_and_seals_with_the_first() {
    let chance = Chance::seeded(9);
    let old = Keyring::new(key(1), Vec::new());
    let sealed = old.seal(&chance, b"secret", "row").expect("sealed");
    let new = Keyring::new(key(2), vec![key(1)]);
    assert_eq!(new.open(&sealed, "row").as_deref(), Ok(&b"secret".to_vec()));
    assert!(new.is_outdated(&sealed) && !old.is_outdated(&sealed));
    let again = new.seal(&chance, b"secret", "row").expect("sealed");
    assert!(!new.is_outdated(&again));
    assert_eq!(
        old.open(&again, "row"),
        Err(SealError::UnknownKey(key(2).id()))
    );
}

#[test]
fn a_key_is_read_as_hexadecimal_and_as_base64() {
    let key = key(1);
    let base64 = STANDARD.encode(*key.bytes);
    for text in [
        key.expose().to_string(),
        key.expose().to_uppercase(),
        base64.trim_end_matches('=').to_owned(),
        base64,
    ] {
        let read = SealingKey::parse(&text).expect("a key");
        assert_eq!((read.id(), *read.bytes), (key.id(), *key.bytes));
    }
}

#[test]
fn what_is_no_key_is_refused() {
    for text in [
        "",
        "secret",
        &"g".repeat(64),
        &"a".repeat(62),
        &"é".repeat(32),
        "AAAA",
    ] {
        assert_eq!(SealingKey::parse(text).err(), Some(KeyError), "{text}");
    }
}

#[test]
fn a_key_shows_only_its_id() {
    let key = key(1);
    let shown = format!("{key:?} {:?}", Keyring::new(key.clone(), Vec::new()));
    assert!(shown.contains(&key.id().to_string()));
    assert!(!shown.contains(&*key.expose()));
}

#[test]
fn bytes_that_were_never_sealed_are_told_from_broken_ones() {
    let key = key(1);
    let sealed = key
        .seal(&Chance::seeded(2), b"secret", "row")
        .expect("sealed");
    assert_eq!(key.open(b"", "row"), Err(SealError::Layout));
    assert_eq!(
        key.open(&sealed[..HEAD_BYTES + 3], "row"),
        Err(SealError::Layout)
    );
    assert_eq!(key.open(&[0; 64], "row"), Err(SealError::Layout));
}

proptest! {
    #[test]
    fn what_was_sealed_opens_and_what_was_changed_does_not(
        plaintext in prop::collection::vec(any::<u8>(), 0..200),
        row in ".{0,20}",
        seed in any::<u64>(),
        place in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let key = key(seed);
        let mut sealed = key.seal(&Chance::seeded(seed), &plaintext, &row).expect("sealed");
        let opened = key.open(&sealed, &row).expect("opened");
        prop_assert_eq!(&*opened, &plaintext);
        let place = place.index(sealed.len());
        sealed[place] ^= flip;
        prop_assert!(key.open(&sealed, &row).is_err());
        sealed[place] ^= flip;
        sealed.truncate(place);
        prop_assert!(key.open(&sealed, &row).is_err());
    }
}
