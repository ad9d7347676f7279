//! `siteplane deploy FILE`: makes the site that a file describes, or changes it to that.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use domain::specification::{FieldProblem, Secret, SiteSpecification};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    print,
    watch::{OnScreen, Watcher, watch},
};
use crate::{
    client::{Client, ClientError, Event},
    dev::{DevFile, FILE, FOLDER},
    settings::{Problems, Settings},
    site_file::{SiteFile, SiteFileError},
    terminal::{
        Screen,
        paint::{Line, Mark},
        road::end_line,
    },
};

/// What `deploy` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 done (or accepted, without --wait), 1 failed, 2 the file or the arguments are wrong, \
    3 refused by policy or a person, 4 the API can't be reached."
)]
pub(crate) struct Options {
    /// The site file, YAML or JSON: the body of POST /api/v1/sites. `siteplane schema` prints its schema.
    file: PathBuf,
    /// Stay until the deployment has ended, and show it.
    #[arg(long)]
    wait: bool,
    /// One line of JSON for each event, and one at the end.
    #[arg(long)]
    json: bool,
    /// Another name for the site than the file's.
    #[arg(long)]
    name: Option<String>,
    /// Make the plan wait for a person's approval.
    #[arg(long)]
    require_approval: bool,
    /// Approve the plan when it waits, if the token may. Needs --wait.
    #[arg(long, requires = "wait")]
    approve: bool,
}

/// How it went; the number is the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done = 0,
    Failed = 1,
    BadInput = 2,
    Denied = 3,
    Unreachable = 4,
}

/// Why it did not come to a deployment.
struct Refused {
    outcome: Outcome,
    words: String,
    problems: Vec<FieldProblem>,
}

impl Refused {
    fn bad_input(words: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::BadInput,
            words: words.into(),
            problems: Vec::new(),
        }
    }
}

impl From<ClientError> for Refused {
    fn from(error: ClientError) -> Self {
        let (outcome, problems) = match &error {
            ClientError::Unreachable { .. } | ClientError::Strange { .. } => {
                (Outcome::Unreachable, Vec::new())
            }
            ClientError::Refused(refusal) => {
                let outcome = match refusal.status.as_u16() {
                    400 | 413 | 415 | 422 => Outcome::BadInput,
                    401 | 403 => Outcome::Denied,
                    _ if refusal.code.starts_with("policy") => Outcome::Denied,
                    500.. => Outcome::Unreachable,
                    _ => Outcome::Failed,
                };
                (outcome, refusal.fields.clone())
            }
        };
        let words = match &error {
            ClientError::Refused(refusal) => refusal.detail.clone(),
            error => error.to_string(),
        };
        Self {
            outcome,
            words,
            problems,
        }
    }
}

impl From<SiteFileError> for Refused {
    fn from(error: SiteFileError) -> Self {
        Self {
            outcome: Outcome::BadInput,
            words: error.words,
            problems: error.problems,
        }
    }
}

/// Deploys the file.
pub(crate) async fn run(
    options: &Options,
    settings: &Settings,
    problems: Problems,
) -> anyhow::Result<ExitCode> {
    let screen = Screen::of_process();
    let outcome = match deploy(options, settings, problems, &screen).await {
        Ok(outcome) => outcome,
        Err(refused) => {
            screen.rest();
            if options.json {
                print(json!({"type": "error", "detail": refused.words, "problems": refused.problems}));
            } else {
                eprintln!("siteplane: {}", refused.words);
                for problem in &refused.problems {
                    eprintln!("  {problem}");
                }
            }
            refused.outcome
        }
    };
    Ok(ExitCode::from(outcome as u8))
}

async fn deploy(
    options: &Options,
    settings: &Settings,
    problems: Problems,
    screen: &Screen,
) -> Result<Outcome, Refused> {
    let wanted = SiteFile::read(&options.file, options.name.as_deref())?;
    problems
        .into_result()
        .map_err(|error| Refused::bad_input(error.to_string()))?;
    let client = find_client(settings).map_err(|error| Refused::bad_input(format!("{error:#}")))?;
    let (site, deployment) = match find_site(&client, wanted.specification.name.as_str()).await? {
        None => create(&client, &wanted, options.require_approval).await?,
        Some(id) => change(&client, &id, &wanted, options.require_approval).await?,
    };
    if deployment.is_null() {
        if options.json {
            print(
                json!({"type": "result", "status": "unchanged", "site_id": site["id"], "outputs": site["outputs"]}),
            );
        } else {
            let words = format!("{} is as the file says; nothing to do", wanted.specification.name);
            screen.say(&Line::new(Mark::Done, words));
            say_outputs(screen, &site);
        }
        return Ok(Outcome::Done);
    }
    let id = text(&deployment, "id");
    if !options.json {
        screen.say(&headline(&site, &deployment));
    }
    if !options.wait {
        if options.json {
            print(json!({"type": "accepted", "site_id": site["id"], "deployment_id": id}));
        }
        return Ok(Outcome::Done);
    }
    let ended = if options.json {
        follow(&client, &id, AsJson, options.approve).await?
    } else {
        follow(&client, &id, OnScreen::new(screen), options.approve).await?
    };
    let site = client
        .get(&format!("/api/v1/sites/{}", text(&site, "id")))
        .await?
        .body;
    if options.json {
        print(json!({
            "type": "result", "status": ended["status"], "reason": ended["reason"],
            "site_id": site["id"], "deployment_id": id, "outputs": site["outputs"],
        }));
    } else {
        screen.say(&end_line(&ended));
        if ended["status"] == "succeeded" {
            say_outputs(screen, &site);
        }
    }
    Ok(outcome_of(&text(&ended, "status")))
}

/// How a final status counts.
fn outcome_of(status: &str) -> Outcome {
    match status {
        "succeeded" => Outcome::Done,
        "denied" | "rejected" => Outcome::Denied,
        _ => Outcome::Failed,
    }
}

/// The API that the settings name, else the one of `.siteplane/dev.json`, as the first customer there.
pub(super) fn find_client(settings: &Settings) -> anyhow::Result<Client> {
    let dev_file = || -> anyhow::Result<DevFile> {
        let path = Path::new(FOLDER).join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "there is no API to speak to: set SITEPLANE__CLIENT__URL and SITEPLANE__CLIENT__TOKEN, or start `siteplane dev` \
                 in this folder ({} is not there)",
                path.display()
            )
        })?;
        serde_json::from_str(&text).with_context(|| format!("{} can't be understood", path.display()))
    };
    match (&settings.client.url, &settings.client.token) {
        (Some(url), Some(token)) => Client::new(url, token.clone()),
        (None, None) => {
            let file = dev_file()?;
            let customer = file.customers.first().context("dev.json has no customer")?;
            Client::new(&file.api_url, Secret::new(&customer.sign_in.token))
        }
        (Some(_), None) => {
            anyhow::bail!("client.token is not set (SITEPLANE__CLIENT__TOKEN), and client.url is")
        }
        (None, Some(_)) => {
            anyhow::bail!("client.url is not set (SITEPLANE__CLIENT__URL), and client.token is")
        }
    }
}

/// The id of the site with this name, deleted ones aside.
pub(super) async fn find_site(client: &Client, name: &str) -> Result<Option<String>, ClientError> {
    let mut path = "/api/v1/sites?limit=200".to_owned();
    loop {
        let page = client.get(&path).await?.body;
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = items
            .iter()
            .find(|site| site["name"] == name && site["status"] != "deleted");
        if let Some(site) = found {
            return Ok(Some(text(site, "id")));
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/sites?limit=200&cursor={cursor}"),
            None => return Ok(None),
        }
    }
}

async fn create(
    client: &Client,
    wanted: &SiteFile,
    require_approval: bool,
) -> Result<(Value, Value), Refused> {
    let mut body = wanted.body.clone();
    if require_approval {
        body.insert("approval".to_owned(), json!("required"));
    }
    let mut answer = client.post("/api/v1/sites", &Value::Object(body)).await?.body;
    Ok((answer["site"].take(), answer["deployment"].take()))
}

/// Changes what differs. The deployment is null where nothing does; one that is under way towards the same is taken
/// as ours.
async fn change(
    client: &Client,
    id: &str,
    wanted: &SiteFile,
    require_approval: bool,
) -> Result<(Value, Value), Refused> {
    let path = format!("/api/v1/sites/{id}");
    let answer = client.get(&path).await?;
    let current = SiteSpecification::deserialize(&answer.body["specification"]).map_err(|error| Refused {
        outcome: Outcome::Unreachable,
        words: format!("the API describes the site in a way that this program does not know: {error}"),
        problems: Vec::new(),
    })?;
    let fixed = current.problems_of_change_to(&wanted.specification);
    if !fixed.is_empty() {
        let words = format!("{} can't become what the file says", current.name);
        return Err(Refused {
            outcome: Outcome::BadInput,
            words,
            problems: fixed,
        });
    }
    let query = if require_approval {
        "?approval=required"
    } else {
        ""
    };
    // Also when nothing differs: after a failure the API then tries again.
    let patch = difference(&current, wanted);
    let mut answer = client
        .patch(&format!("{path}{query}"), &patch, answer.etag.as_ref())
        .await?
        .body;
    let (site, deployment) = (answer["site"].take(), answer["deployment"].take());
    if !deployment.is_null() {
        return Ok((site, deployment));
    }
    let newest = client.get(&format!("{path}/deployments?limit=1")).await?.body["items"][0].take();
    Ok((
        site,
        if newest["in_progress"] == true {
            newest
        } else {
            Value::Null
        },
    ))
}

/// The merge patch (RFC 7396) that makes the site what the file says. What a secret was is not told to us, so all
/// that the file has are in it; the API knows whether they differ.
pub(super) fn difference(current: &SiteSpecification, wanted: &SiteFile) -> Value {
    let shown = |specification: &SiteSpecification| {
        serde_json::to_value(specification)
            .expect("a specification has texts, numbers and lists of them only")
    };
    let mut patch = merge_patch(&shown(current), &shown(&wanted.specification));
    let application = &wanted.specification.application;
    for (name, secret) in application.secrets.iter().filter(|(_, secret)| !secret.is_mask()) {
        patch["application"]["secrets"][name] = json!(secret.expose());
    }
    if let Some(registry) = application
        .registry
        .as_ref()
        .filter(|registry| !registry.password.is_mask())
    {
        patch["application"]["registry"]["password"] = json!(registry.password.expose());
    }
    patch
}

fn merge_patch(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return after.clone();
    };
    let removed = before
        .keys()
        .filter(|key| !after.contains_key(*key))
        .map(|key| (key.clone(), Value::Null));
    let changed = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| {
            (
                key.clone(),
                before
                    .get(key)
                    .map_or_else(|| value.clone(), |before| merge_patch(before, value)),
            )
        });
    Value::Object(removed.chain(changed).collect())
}

async fn follow(client: &Client, id: &str, watcher: impl Watcher, approve: bool) -> Result<Value, Refused> {
    let mut watcher = Approving {
        inner: watcher,
        stops: approve,
    };
    loop {
        let deployment = watch(client, id, &mut watcher).await?;
        if deployment["status"] == "awaiting_approval" {
            client
                .post(&format!("/api/v1/deployments/{id}/approve"), &json!({}))
                .await?;
            // It comes back to the same status only with another plan, which was not asked for.
            watcher.stops = false;
            continue;
        }
        return Ok(deployment);
    }
}

/// Stops at the approval, where that is wanted.
struct Approving<W> {
    inner: W,
    stops: bool,
}

impl<W: Watcher> Watcher for Approving<W> {
    fn event(&mut self, event: &Event) {
        self.inner.event(event);
    }

    fn frame(&mut self) {
        self.inner.frame();
    }

    fn waits_for_approval(&mut self) -> bool {
        self.stops
    }
}

/// One line of JSON for each event.
struct AsJson;

impl Watcher for AsJson {
    fn event(&mut self, event: &Event) {
        let mut line = json!({"type": "event"});
        if let (Value::Object(line), Ok(Value::Object(event))) = (&mut line, serde_json::to_value(event)) {
            line.extend(event);
        }
        print(line);
    }

    fn frame(&mut self) {}
}

/// What is done where.
pub(super) fn headline(site: &Value, deployment: &Value) -> Line {
    let verb = text(deployment, "kind");
    let place = format!("{} in {}", text(site, "provider"), text(site, "region"));
    let world = match text(site, "world").as_str() {
        "simulated" => "SIMULATED: nothing costs money or exists".to_owned(),
        "emulator" => "EMULATOR".to_owned(),
        _ => String::new(),
    };
    Line::plain(format!("{verb} {} on {place}", text(site, "name"))).note(world)
}

/// What the site is reached by.
pub(super) fn say_outputs(screen: &Screen, site: &Value) {
    let Some(outputs) = site["outputs"].as_object() else {
        return;
    };
    let simulated = site["world"] == "simulated";
    for (name, value) in outputs {
        // What the cloud does otherwise than asked has a place of its own; null is nothing to reach.
        let shown = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        let note = if simulated && name == "url" {
            "SIMULATED: nothing answers there"
        } else {
            ""
        };
        screen.say(&Line::plain(format!("{name:18} {shown}")).deeper().note(note));
    }
}

/// A text of a document; empty if it is not there.
pub(super) fn text(document: &Value, name: &str) -> String {
    document[name].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = include_str!("../../examples/shop.yaml");

    fn read(text: &str) -> Result<SiteFile, SiteFileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        SiteFile::read(file.path(), None)
    }

    #[test]
    fn the_example_fits_and_is_no_change_of_itself() {
        let wanted = read(SHOP).ok().unwrap();
        assert_eq!(difference(&wanted.specification, &wanted), json!({}));
    }

    #[test]
    fn only_what_differs_is_sent_and_what_the_file_lacks_is_removed() {
        let before = read(SHOP).ok().unwrap().specification;
        let changed = SHOP
            .replace("size: small", "size: medium")
            .replace("    GREETING: hello", "    WORD: hi");
        let wanted = read(&changed.replace("storage:\n  versioning: true\n", ""))
            .ok()
            .unwrap();
        assert_eq!(
            difference(&before, &wanted),
            json!({"size": "medium", "storage": null, "application": {"env": {"GREETING": null, "WORD": "hi"}}})
        );
    }

    #[test]
    fn a_secret_is_sent_each_time_because_nobody_tells_what_it_was() {
        let secret = SHOP.replace("  port: 80", "  port: 80\n  secrets: {KEY: hidden, KEPT: '***'}");
        let wanted = read(&secret).ok().unwrap();
        assert_eq!(
            difference(&wanted.specification, &wanted),
            json!({"application": {"secrets": {"KEY": "hidden"}}})
        );
    }

    #[test]
    fn every_way_to_end_has_its_exit_status() {
        let cases = [
            ("succeeded", 0),
            ("failed", 1),
            ("cancelled", 1),
            ("superseded", 1),
            ("denied", 3),
            ("rejected", 3),
        ];
        for (status, code) in cases {
            assert_eq!(outcome_of(status) as u8, code, "{status}");
        }
    }
}
