//! The sealed blob: what opens, what is refused, and with which words.

use std::collections::BTreeMap;

use super::*;
use crate::envelope::{MAGIC, split};

fn key(version: u8) -> String {
    format!("{version}:{}", STANDARD.encode([version; 32]))
}

fn keys(versions: &[u8]) -> MasterKeys {
    MasterKeys::parse(
        &versions
            .iter()
            .map(|version| key(*version))
            .collect::<Vec<_>>()
            .join(","),
    )
    .unwrap()
}

fn state(serial: u64) -> SealedFor {
    let id = "0193a7f2-6d0e-7b3c-8f00-000000000001";
    SealedFor::State {
        customer_id: id.parse().unwrap(),
        site_id: id.parse().unwrap(),
        serial,
    }
}

fn refusal(keys: &MasterKeys, blob: &[u8]) -> String {
    open(keys, &state(3), blob).unwrap_err().to_string()
}

/// The blob with its header replaced by an edited one, its length put right.
fn with_header(blob: &[u8], edit: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let (_, front, body) = split(blob).unwrap();
    let mut header = serde_json::from_slice(&front[12..]).unwrap();
    edit(&mut header);
    let header = spelled(&header);
    let length = u32::try_from(header.len()).unwrap().to_be_bytes();
    [MAGIC.as_slice(), &length, &header, body].concat()
}

/// A header with its fields in our order; serde_json's own is by name.
fn spelled(header: &serde_json::Value) -> Vec<u8> {
    let order = [
        "format",
        "key_version",
        "key",
        "wrapped_key",
        "nonce",
        "sealed_for",
        "kind",
        "customer_id",
        "site_id",
    ];
    let serde_json::Value::Object(fields) = header else {
        return header.to_string().into_bytes();
    };
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort_by_key(|name| order.iter().position(|known| known == name).unwrap_or(usize::MAX));
    let parts: Vec<String> = names
        .into_iter()
        .map(|name| {
            let value = String::from_utf8(spelled(&fields[name])).unwrap();
            format!("{}:{value}", serde_json::Value::from(name.as_str()))
        })
        .collect();
    format!("{{{}}}", parts.join(",")).into_bytes()
}

/// A blob of the first format, as earlier versions sealed them.
fn seal_in_first_format(version: u8, sealed_for: &SealedFor, content: &[u8]) -> Vec<u8> {
    let (data_key, nonce): ([u8; 32], [u8; 12]) = (random().unwrap(), random().unwrap());
    let context = serde_json::to_vec(&("siteplane-sealed-1", version, sealed_for)).unwrap();
    let encrypt = |key: &[u8; 32], nonce: [u8; 12], msg: &[u8], aad: &[u8]| {
        let nonce = Nonce::<U12>::from(nonce);
        cipher(key).encrypt(&nonce, Payload { msg, aad }).unwrap()
    };
    let wrapped = [&nonce[..], &encrypt(&[version; 32], nonce, &data_key, &context)].concat();
    let header = serde_json::json!({
        "format": "siteplane-sealed-1", "key_version": version, "wrapped_key": STANDARD.encode(wrapped),
        "nonce": STANDARD.encode(nonce), "sealed_for": sealed_for,
    });
    let header = spelled(&header);
    let length = u32::try_from(header.len()).unwrap().to_be_bytes();
    let front = [MAGIC.as_slice(), &length, &header].concat();
    let body = encrypt(&data_key, nonce, content, &front);
    [front, body].concat()
}

#[test]
fn what_an_earlier_version_sealed_opens_and_is_made_anew_by_wrapping() {
    let old = seal_in_first_format(1, &state(3), b"of an earlier version");
    let keys = keys(&[1]);
    assert_eq!(open(&keys, &state(3), &old).unwrap(), b"of an earlier version");
    assert!(!is_current(&keys, &read_header(&old).unwrap()));
    let new = rewrap(&keys, &old).unwrap();
    assert!(is_current(&keys, &read_header(&new).unwrap()));
    assert_eq!(open(&keys, &state(3), &new).unwrap(), b"of an earlier version");
    for at in 0..old.len() {
        let mut flipped = old.clone();
        flipped[at] ^= 1;
        assert!(open_any(&keys, &flipped).is_err(), "byte {at}");
    }
}

#[test]
fn wrapping_anew_leaves_the_body_as_it_is_and_needs_both_keys() {
    let old = seal(&keys(&[1]), &state(3), b"content").unwrap();
    let new = rewrap(&keys(&[1, 2]), &old).unwrap();
    assert_eq!(split(&old).unwrap().2, split(&new).unwrap().2);
    assert_eq!(open(&keys(&[2]), &state(3), &new).unwrap(), b"content");
    assert_eq!(
        rewrap(&keys(&[2]), &old).unwrap_err().to_string(),
        "the sealed blob could not be opened"
    );
    let header = read_header(&new).unwrap();
    let moved = with_header(&new, |json| json["sealed_for"]["serial"] = 4.into());
    assert_eq!(header.key, KeyId::Master(2));
    rewrap(&keys(&[2, 3]), &moved).unwrap_err();
}

#[test]
fn content_of_every_length_comes_back_and_is_not_readable_in_the_blob() {
    let keys = keys(&[1]);
    for length in (0..70).chain([4095, 4096, 300_000]) {
        let content: Vec<u8> = (0..length)
            .map(|at| u8::try_from(at * 7 % 251).unwrap())
            .collect();
        let blob = seal(&keys, &state(3), &content).unwrap();
        assert_eq!(open(&keys, &state(3), &blob).unwrap(), content, "{length} bytes");
        let visible = length >= 16 && blob.windows(length).any(|window| window == content);
        assert!(!visible, "{length} bytes are readable");
    }
}

#[test]
fn the_same_content_is_never_sealed_to_the_same_bytes() {
    let keys = keys(&[1]);
    let [one, other] = [(); 2].map(|()| seal(&keys, &state(3), b"the same").unwrap());
    let [one, other] = [read_header(&one).unwrap(), read_header(&other).unwrap()];
    assert_ne!(one.nonce, other.nonce);
    assert_ne!(one.wrapped_key, other.wrapped_key);
}

#[test]
fn the_blob_says_what_it_is_and_opens_with_the_keys_alone() {
    let blob = seal(&keys(&[4]), &state(12), b"{}").unwrap();
    let header = read_header(&blob).unwrap();
    assert_eq!((header.key, header.sealed_for), (KeyId::Master(4), state(12)));
    assert_eq!(open_any(&keys(&[4]), &blob).unwrap(), (state(12), b"{}".to_vec()));
    let json: serde_json::Value = serde_json::from_slice(&split(&blob).unwrap().1[12..]).unwrap();
    assert_eq!(json["format"], "siteplane-sealed-2");
    assert_eq!(json["key"]["master"], 4);
    assert_eq!(json["sealed_for"]["kind"], "state");
    assert_eq!(json["sealed_for"]["serial"], 12);
}

#[test]
fn after_a_rotation_old_blobs_open_and_new_ones_are_under_the_new_key() {
    let old = seal(&keys(&[1]), &state(3), b"old").unwrap();
    let both = keys(&[1, 2]);
    assert_eq!(open(&both, &state(3), &old).unwrap(), b"old");
    let new = seal(&both, &state(3), b"new").unwrap();
    assert_eq!(read_header(&new).unwrap().key, KeyId::Master(2));
    assert_eq!(
        refusal(&keys(&[1]), &new),
        "master key version 2 is not known here (known: 1)"
    );
    assert_eq!(
        read_header(&seal(&both.with_current(1).unwrap(), &state(3), b"").unwrap())
            .unwrap()
            .key,
        KeyId::Master(1)
    );
}

#[test]
fn another_key_under_the_same_version_does_not_open_it() {
    let blob = seal(&keys(&[1]), &state(3), b"content").unwrap();
    let impostor = MasterKeys::parse(&key(2).replacen('2', "1", 1)).unwrap();
    let expected =
        "master key version 1 does not open this blob: the key is another one, or the header was changed";
    assert_eq!(refusal(&impostor, &blob), expected);
}

#[test]
fn another_sites_blob_and_another_serial_are_refused() {
    let keys = keys(&[1]);
    let SealedFor::State { customer_id, .. } = state(3) else {
        unreachable!()
    };
    let other = SealedFor::State {
        customer_id,
        site_id: SiteId::new(),
        serial: 3,
    };
    for sealed_for in [other, state(2)] {
        let blob = seal(&keys, &sealed_for, b"content").unwrap();
        assert!(matches!(
            open(&keys, &state(3), &blob),
            Err(OpenError::ForAnother { .. })
        ));
        assert!(refusal(&keys, &blob).contains("was expected"));
    }
}

#[test]
fn a_blob_cut_off_anywhere_is_refused() {
    let keys = keys(&[1]);
    let blob = seal(&keys, &state(3), b"a body of some bytes").unwrap();
    let front = split(&blob).unwrap().1.len();
    for length in 0..blob.len() {
        let expected = match length {
            _ if length < front => "the sealed blob is cut off inside its header",
            _ => "the sealed blob was changed or cut off",
        };
        assert_eq!(refusal(&keys, &blob[..length]), expected, "cut to {length} bytes");
    }
    let longer = [blob.as_slice(), b"x"].concat();
    assert_eq!(refusal(&keys, &longer), "the sealed blob was changed or cut off");
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let keys = keys(&[1]);
    let blob = seal(&keys, &state(3), b"a body of some bytes").unwrap();
    for at in 0..blob.len() {
        for bit in 0..8 {
            let mut flipped = blob.clone();
            flipped[at] ^= 1 << bit;
            assert!(open_any(&keys, &flipped).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_changed_header_is_refused_and_the_words_say_why() {
    let keys = keys(&[1, 2]);
    let blob = seal(&keys, &state(3), b"content").unwrap();
    type Edit = fn(&mut serde_json::Value);
    let cases: [(Edit, &str); 8] = [
        (
            |header| header["sealed_for"]["serial"] = 4.into(),
            "master key version 2 does not open this blob: the key is another one, or the header was changed",
        ),
        (
            |header| header["sealed_for"]["site_id"] = SiteId::new().to_string().into(),
            "master key version 2 does not open this blob: the key is another one, or the header was changed",
        ),
        (
            |header| header["key"]["master"] = 1.into(),
            "master key version 1 does not open this blob: the key is another one, or the header was changed",
        ),
        (
            |header| header["nonce"] = STANDARD.encode([0; 12]).into(),
            "the sealed blob was changed or cut off",
        ),
        (
            |header| header["nonce"] = "AAAA".into(),
            "the header of the sealed blob has a damaged field nonce",
        ),
        (
            |header| header["extra"] = 1.into(),
            "the header of the sealed blob can't be read",
        ),
        (
            |header| {
                let upper = header["sealed_for"]["site_id"].as_str().unwrap().to_uppercase();
                header["sealed_for"]["site_id"] = upper.into();
            },
            "the header of the sealed blob was changed",
        ),
        (
            |header| header["format"] = "siteplane-sealed-9".into(),
            "the sealed blob has the format siteplane-sealed-9, which this version does not know",
        ),
    ];
    for (edit, expected) in cases {
        assert_eq!(refusal(&keys, &with_header(&blob, edit)), expected);
    }
}

#[test]
fn the_header_of_one_blob_does_not_fit_the_body_of_another() {
    let keys = keys(&[1]);
    let [one, other] = [(); 2].map(|()| seal(&keys, &state(3), b"the same").unwrap());
    let spliced = [split(&one).unwrap().1, split(&other).unwrap().2].concat();
    assert_eq!(refusal(&keys, &spliced), "the sealed blob was changed or cut off");
}

#[test]
fn what_is_no_blob_is_named_so() {
    let huge = [MAGIC.as_slice(), &[0xff; 4], b"{}"].concat();
    for bytes in [&b"{\"version\":4,\"serial\":1}"[..], &huge] {
        assert_eq!(refusal(&keys(&[1]), bytes), "these bytes are not a sealed blob");
    }
}

#[test]
fn a_small_value_comes_back_for_its_account_only_and_errors_do_not_quote_it() {
    let keys = MasterKeys::development();
    let account = |customer_id| SealedFor::Credentials {
        customer_id,
        cloud_account_id: CloudAccountId::new(),
    };
    let sealed_for = account(Some(CustomerId::new()));
    let fields = BTreeMap::from([("token".to_owned(), "hunter2-secret".to_owned())]);
    let blob = seal_value(&keys, &sealed_for, &fields).unwrap();
    assert_eq!(
        open_value::<BTreeMap<String, String>>(&keys, &sealed_for, &blob).unwrap(),
        fields
    );

    assert!(matches!(
        open_value::<BTreeMap<String, String>>(&keys, &account(None), &blob),
        Err(OpenError::ForAnother { .. })
    ));
    let misread = open_value::<BTreeMap<String, u32>>(&keys, &sealed_for, &blob).unwrap_err();
    assert_eq!(
        misread.to_string(),
        "the sealed value has another shape than expected"
    );
    assert!(!format!("{misread:?}").contains("hunter2"));
}
