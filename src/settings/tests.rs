use figment::providers::{Format, Toml};

use super::*;

fn read(toml: &str, variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let figment = Figment::from(Toml::string(toml)).merge(ProgramEnvironment::new(variables));
    let (settings, problems) = Settings::from_figment(figment);
    (
        settings,
        problems
            .0
            .into_iter()
            .map(|problem| format!("{}: {}", problem.key, problem.what))
            .collect(),
    )
}

#[test]
fn the_environment_wins_over_the_file() {
    let (settings, problems) = read(
        "[worker]\nslots = 4\n[accounts]\nworlds = [\"real\", \"simulated\"]\n[log]\nformat = \"json\"",
        &[
            ("SITEPLANE__WORKER__SLOTS", "7"),
            ("SITEPLANE__LEASE__TAKEOVER_AFTER_SECONDS", "0.5"),
        ],
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(settings.worker.slots, 7);
    assert_eq!(settings.accounts.worlds, [World::Real, World::Simulated]);
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.lease.takeover_after_seconds, Duration::from_millis(500));
}

#[test]
fn proxies_are_networks_in_a_list_or_between_commas() {
    let networks = |texts: [&str; 2]| texts.map(|text| text.parse::<IpNet>().unwrap());
    let (settings, problems) = read("[api]\ntrusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]", &[]);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(settings.api.trusted_proxies, networks(["10.0.0.0/8", "fd00::/8"]));
    let (settings, problems) = read(
        "",
        &[("SITEPLANE__API__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7/32")],
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        settings.api.trusted_proxies,
        networks(["10.0.0.0/8", "192.0.2.7/32"])
    );
    let (_, problems) = read(
        "[api]\ntrusted_proxies = [\"10.0.0.1\"]\n[limits]\ncallers_per_customer = 0",
        &[],
    );
    let said = problems.join("\n");
    assert!(
        said.contains("api.trusted_proxies")
            && said.contains("\"10.0.0.1\" is no network, such as 10.0.0.0/8 or 192.0.2.7/32"),
        "{said}"
    );
    assert!(
        said.contains("limits.callers_per_customer: 0 would refuse everything"),
        "{said}"
    );
}

#[test]
fn every_mistake_is_found_at_once_and_named_with_its_place() {
    let (_, problems) = read(
        "envronment = \"production\"\n[worker]\nslot = 4\n[accounts]\nworlds = [\"moon\"]\n[api]\nlisten = \"here\"\n[lease]\ngrace_seconds = 40",
        &[
            ("SITEPLANE__DATABASE__MAX_CONNECTIONS", "many"),
            ("SITEPLANE__NOTHING", "1"),
        ],
    );
    for expected in [
        "envronment",
        "worker.slot: there is no such setting; did you mean worker.slots?",
        "world \"moon\" is unknown; allowed are real, emulator, simulated",
        "\"here\" is no address with a port",
        "database.max_connections (environment, SITEPLANE__DATABASE__MAX_CONNECTIONS): \"many\" is no whole number",
        "nothing (environment, SITEPLANE__NOTHING): there is no such setting",
        "lease: lease.grace must be shorter",
    ] {
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{expected}\n{problems:#?}"
        );
    }
    assert_eq!(problems.len(), 7, "{problems:#?}");
}

#[test]
fn a_token_of_digits_stays_text_and_no_secret_shows() {
    let (settings, problems) = read(
        "",
        &[
            ("SITEPLANE__CLIENT__TOKEN", "0123"),
            ("SITEPLANE__STORAGE__SECRET_KEY", "s3cr3t"),
        ],
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(settings.client.token.as_ref().map(Secret::expose), Some("0123"));
    let shown = format!("{settings:?}");
    assert!(!shown.contains("0123") && !shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn production_refuses_the_development_key_and_every_world_but_the_real_one() {
    let (_, without_key) = read("environment = \"production\"", &[]);
    assert!(
        without_key
            .iter()
            .any(|problem| problem.contains("production needs its own")),
        "{without_key:#?}"
    );
    let dev_key = "1:c2l0ZXBsYW5lIGRldmVsb3BtZW50IG1hc3RlciBrZXk=";
    let (_, with_dev_key) = read(
        "environment = \"production\"\n[accounts]\nworlds = [\"real\", \"emulator\"]",
        &[("SITEPLANE__SECRETS__MASTER_KEYS", dev_key)],
    );
    assert!(
        with_dev_key
            .iter()
            .any(|problem| problem.contains("this is the development key")),
        "{with_dev_key:#?}"
    );
    assert!(
        with_dev_key
            .iter()
            .any(|problem| problem.contains("this has \"emulator\"")),
        "{with_dev_key:#?}"
    );
    let (_, development) = read("[accounts]\nworlds = [\"simulated\"]", &[]);
    assert_eq!(development, Vec::<String>::new());
}

#[test]
fn the_address_for_people_is_a_bare_one_and_in_production_a_safe_one() {
    for (url, expected) in [
        ("siteplane.example.com", "is no URL"),
        ("ftp://siteplane.example.com", "must be https:// or http://"),
        ("https://siteplane.example.com/portal", "with nothing behind it"),
        ("https://admin@siteplane.example.com", "with nothing behind it"),
    ] {
        let (_, problems) = read("", &[("SITEPLANE__API__PUBLIC_URL", url)]);
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{url}: {problems:?}"
        );
    }
    let key = format!("1:{}=", "A".repeat(43));
    let production = |url: &'static str| {
        read(
            "environment = \"production\"",
            &[
                ("SITEPLANE__SECRETS__MASTER_KEYS", key.as_str()),
                ("SITEPLANE__API__PUBLIC_URL", url),
            ],
        )
    };
    let (_, plain) = production("http://siteplane.example.com");
    assert!(plain[0].contains("must be reached by https://"), "{plain:?}");
    let (safe, problems) = production("https://siteplane.example.com/");
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(safe.public_url().unwrap(), "https://siteplane.example.com");
    let (unset, problems) = production("");
    assert_eq!(problems, Vec::<String>::new());
    assert!(unset.public_url().is_err());
    assert!(
        unset
            .missing_for(Role::Api)
            .to_string()
            .contains("api.public_url")
    );
    assert!(
        !unset
            .missing_for(Role::Worker)
            .to_string()
            .contains("api.public_url")
    );
}

#[test]
fn days_of_a_session_have_bounds() {
    let (_, problems) = read("[sign_in]\nsession_idle_days = 0\nlink_minutes = 99999999", &[]);
    assert_eq!(
        problems,
        [
            "sign_in.session_idle_days: 0 is not from 1 to 3650",
            "sign_in.link_minutes: 99999999 is not from 1 to 10080"
        ]
    );
}

#[test]
fn a_mistake_in_the_key_does_not_show_the_key() {
    let (_, problems) = read("", &[("SITEPLANE__SECRETS__MASTER_KEYS", "1:topsecret")]);
    assert!(problems[0].starts_with("secrets.master_keys"), "{problems:?}");
    assert!(!problems[0].contains("topsecret"), "{problems:?}");
}

#[test]
fn what_a_file_that_is_no_toml_says_is_told_and_the_rest_still_read() {
    let (settings, problems) = read("[worker\nslots = 4", &[]);
    assert_eq!(settings.worker.slots, 2);
    assert!(!problems.is_empty(), "{problems:?}");
}

#[test]
fn a_role_is_told_everything_that_it_misses() {
    let (settings, _) = read("", &[]);
    let missing = settings.missing_for(Role::Worker).to_string();
    for key in [
        "database.url",
        "SITEPLANE__DATABASE__URL",
        "storage.access_key",
        "storage.secret_key",
    ] {
        assert!(missing.contains(key), "{missing}");
    }
    assert!(
        settings
            .missing_for(Role::Owner)
            .to_string()
            .contains("database.owner_url")
    );
}

/// `siteplane.toml` has every key, each with the default that the program has; a key without a default stands as
/// a comment.
#[test]
fn the_file_at_the_root_documents_every_key_beside_its_default() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/siteplane.toml")).unwrap();
    let (from_file, problems) = read(&text, &[]);
    assert_eq!(problems, Vec::<String>::new());
    let (defaults, _) = read("", &[]);
    assert_eq!(format!("{from_file:?}"), format!("{defaults:?}"));

    let mut reader = Reader::new(Figment::new());
    read_all(&mut reader);
    let mut section = String::new();
    let mut documented = std::collections::BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_start_matches("#").trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            documented.insert(format!("{section}{key}"));
        }
    }
    let missing: Vec<_> = reader.known().filter(|key| !documented.contains(*key)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "write these into siteplane.toml");
}

#[test]
fn letters_leave_by_a_server_over_tls_or_in_development_into_a_folder() {
    let (settings, problems) = read(
        "[mail]\nhost = \"smtp.example.com\"\nfrom = \"no-reply@example.com\"\nsecurity = \"tls\"",
        &[],
    );
    assert_eq!(problems, Vec::<String>::new());
    let Some(MailDelivery::Smtp(server)) = settings.letters().map(|mail| mail.delivery) else {
        panic!("a server");
    };
    assert_eq!((server.host.as_str(), server.port), ("smtp.example.com", 465));
    let (settings, problems) = read("[mail]\nfolder = \"letters\"", &[]);
    assert_eq!(problems, Vec::<String>::new());
    assert!(matches!(
        settings.letters().map(|mail| mail.delivery),
        Some(MailDelivery::Folder(_))
    ));
    let (settings, _) = read("", &[]);
    assert!(settings.letters().is_none());

    let (_, problems) = read(
        "environment = \"production\"\n[mail]\nhost = \"smtp.example.com\"\nsecurity = \"none\"\nfolder = \"l\"\n\
         username = \"u\"\ngive_up_after_hours = 0\nport = 70000",
        &[("SITEPLANE__MAIL__FROM", "nobody")],
    );
    let said = problems.join("\n");
    for expected in [
        "mail.folder: letters go to mail.host or to a folder, not to both",
        "mail.folder: production sends letters",
        "mail.from: is needed with mail.host",
        "\"nobody\" is no mail address, such as no-reply@example.com",
        "mail.username and mail.password are set together",
        "mail.give_up_after_hours: 0 is not from 1 to 720",
        "mail.security: production needs starttls or tls",
        "\"70000\" is no number from 0 to 65535",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    // A server on the same machine hands them on.
    let local = "environment = \"production\"\n[mail]\nhost = \"127.0.0.1\"\nfrom = \"a@example.com\"\nsecurity = \"none\"";
    let (_, problems) = read(local, &[]);
    assert!(!problems.join("\n").contains("mail."), "{problems:?}");
}
