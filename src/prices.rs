//! List prices from the clouds' own price APIs, into the price book's files.
//!
//! Fetching is here, in one way for all; what a cloud's answer says is one file a cloud, pure.

mod akamai;
mod aws;
mod azure;
mod digitalocean;
mod gcp;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use domain::{
    price::{Confidence, PriceBook, PriceRow, Unit},
    provider::Provider,
    specification::Secret,
};
use reqwest::{StatusCode, Url, header::RETRY_AFTER};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

/// How often a request is tried.
const TRIES: u32 = 4;
/// The longest pause before another try, also where the cloud asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The largest answer in bytes: AWS's list of all machines of a region is the largest.
const LARGEST: usize = 800 << 20;

/// A price as a cloud's API tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The book's word for it.
    pub(crate) item: String,
    /// The region; `*` is all.
    pub(crate) region: String,
    /// What the amount buys.
    pub(crate) unit: Unit,
    /// List price in US dollars.
    pub(crate) amount: Decimal,
}

/// A page to ask for, and what its text says: prices, and the page after it.
pub(crate) struct Page {
    /// Its address.
    url: String,
    /// A bearer token.
    token: Option<Secret>,
    /// Reads it.
    parse: fn(&str) -> anyhow::Result<Read>,
}

/// What a page says: prices, and the address of the page after it.
type Read = (Vec<Found>, Option<String>);

/// Keys that some of the APIs ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    /// Google Cloud's API key.
    pub(crate) google: Option<Secret>,
    /// DigitalOcean's token.
    pub(crate) digitalocean: Option<Secret>,
    /// Linode's token; its databases are shown to customers only.
    pub(crate) linode: Option<Secret>,
}

/// The pages of a cloud, or why there are none.
fn pages(provider: Provider, keys: &Keys) -> anyhow::Result<Vec<Page>> {
    let regions: Vec<&str> = provider.facts().regions.iter().map(|region| region.key).collect();
    match provider {
        Provider::Akamai => Ok(akamai::pages(keys.linode.clone())),
        Provider::Aws => Ok(aws::pages(&regions)),
        Provider::Azure => Ok(azure::pages(provider.facts().sizes)),
        Provider::DigitalOcean => digitalocean::pages(keys.digitalocean.clone()),
        Provider::Gcp => gcp::pages(keys.google.as_ref()),
    }
}

/// What a refresh changed in one cloud's book.
#[derive(Debug)]
pub(crate) struct Refreshed {
    /// Item, region, amount before (none where it is new), amount now; only what differs.
    pub(crate) moved: Vec<(String, String, Option<Decimal>, Decimal)>,
    /// Prices that were found as they were.
    pub(crate) same: usize,
    /// Items of the book that no answer told anything of; they stay.
    pub(crate) untold: Vec<String>,
    /// The book as it is then.
    pub(crate) book: PriceBook,
    file: PathBuf,
}

impl Refreshed {
    /// Writes the book: the whole file at once, or nothing.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let folder = self.file.parent().context("a book is in a folder")?;
        let draft = tempfile::NamedTempFile::new_in(folder)?;
        std::fs::write(draft.path(), self.book.to_json()?)?;
        draft
            .persist(&self.file)
            .with_context(|| format!("can't write {}", self.file.display()))?;
        Ok(())
    }
}

/// Asks a cloud for its prices and compares them with its book. Nothing is written.
///
/// # Errors
/// A page can't be had or read: half a list is no list.
pub(crate) async fn refresh(
    provider: Provider,
    books: &Path,
    keys: &Keys,
    today: NaiveDate,
) -> anyhow::Result<Refreshed> {
    let pages = pages(provider, keys)?;
    let mut found = Vec::new();
    for page in pages {
        found.extend(fetch(page).await?);
    }
    let file = books.join(format!("{provider}.json"));
    let text = std::fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
    let book = PriceBook::from_json(&text)?;
    Ok(merge(book, file, found, today, provider))
}

fn merge(
    mut book: PriceBook,
    file: PathBuf,
    found: Vec<Found>,
    today: NaiveDate,
    provider: Provider,
) -> Refreshed {
    let known: BTreeSet<String> = book.rows().map(|row| row.item.clone()).collect();
    let mut told = BTreeSet::new();
    let (mut moved, mut same) = (Vec::new(), 0);
    for price in found {
        // The clouds sell more than the modules use.
        if !known.contains(&price.item) {
            continue;
        }
        told.insert(price.item.clone());
        let before = book.find(&price.item, &price.region).cloned();
        let amount = price.amount.normalize();
        if before
            .as_ref()
            .is_some_and(|row| row.amount == amount && row.unit == price.unit)
        {
            same += 1;
            continue;
        }
        moved.push((
            price.item.clone(),
            price.region.clone(),
            before.as_ref().map(|row| row.amount),
            amount,
        ));
        book.set(PriceRow {
            item: price.item,
            regions: vec![price.region],
            unit: price.unit,
            amount,
            as_of: today,
            confidence: Confidence::High,
            source: format!("the price API of {}", provider.facts().name),
            second_source: None,
            note: before.and_then(|row| row.note),
        });
    }
    Refreshed {
        moved,
        same,
        untold: known.difference(&told).cloned().collect(),
        book,
        file,
    }
}

/// A page and all that follow it.
async fn fetch(first: Page) -> anyhow::Result<Vec<Found>> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(600))
        .build()?;
    let origin = Url::parse(&first.url)?.origin();
    let mut found = Vec::new();
    let mut next = Some(first.url);
    let mut seen = BTreeSet::new();
    while let Some(address) = next {
        let url = Url::parse(&address).context("the address of the next page is none")?;
        ensure!(
            url.origin() == origin,
            "the next page is on another host ({}), which gets no key of ours",
            url.host_str().unwrap_or_default()
        );
        ensure!(seen.insert(address), "the pages go round in a circle");
        let text = get(&client, url, first.token.as_ref()).await?;
        let (prices, after) = (first.parse)(&text)?;
        found.extend(prices);
        next = after;
    }
    Ok(found)
}

/// Asks until there is an answer; what passes by itself is tried again. The key in an address is never shown.
async fn get(client: &reqwest::Client, url: Url, token: Option<&Secret>) -> anyhow::Result<String> {
    let shown = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
    let mut pause = Duration::from_millis(500);
    for tried in 1.. {
        let mut request = client.get(url.clone());
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        let problem = match request.send().await {
            Ok(answer) => {
                let status = answer.status();
                if let Some(asked) = answer.headers().get(RETRY_AFTER) {
                    let seconds = asked.to_str().ok().and_then(|text| text.parse().ok());
                    pause = seconds.map_or(pause, Duration::from_secs);
                }
                if status.is_success() {
                    match answer.text().await {
                        Ok(text) if text.len() <= LARGEST => return Ok(text),
                        Ok(text) => bail!("{shown} answers with {} bytes", text.len()),
                        Err(error) => format!("the answer broke off: {}", error.without_url()),
                    }
                } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                    status.to_string()
                } else {
                    bail!("{shown} answers with {status}");
                }
            }
            Err(error) => error.without_url().to_string(),
        };
        ensure!(tried < TRIES, "{shown} can't be had: {problem}");
        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        pause *= 2;
    }
    unreachable!("every try ends the loop or goes on")
}

/// The number in a JSON text as it is written there: an amount of money never becomes a float.
fn decimal(raw: &RawValue) -> anyhow::Result<Decimal> {
    let text = raw.get().trim_matches('"');
    let amount = Decimal::from_scientific(text)
        .or_else(|_| text.parse())
        .with_context(|| format!("{text:?} is no amount"))?;
    ensure!(!amount.is_sign_negative(), "{amount} is below zero");
    Ok(amount)
}

/// Refuses prices in another currency than the book's.
fn is_in_dollars(currency: &str) -> anyhow::Result<()> {
    ensure!(currency == "USD", "prices are in {currency:?}; allowed is USD");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{Router, extract::Query, http::StatusCode, response::IntoResponse, routing::get};

    use super::*;

    fn found(item: &str, region: &str, amount: &str) -> Found {
        Found {
            item: item.to_owned(),
            region: region.to_owned(),
            unit: Unit::Hour,
            amount: amount.parse().unwrap(),
        }
    }

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 26).unwrap()
    }

    #[test]
    fn only_what_moved_is_told_and_nothing_else_in_the_book_changes() {
        let text = r#"{"provider": "aws", "currency": "USD", "rows": [
            {"item": "instance/a", "regions": ["r1", "r2"], "unit": "hour", "amount": "1.0", "as_of": "2026-01-01", "confidence": "low", "source": "memory"},
            {"item": "nat", "regions": ["*"], "unit": "hour", "amount": "2", "as_of": "2026-01-01", "confidence": "low", "source": "memory"}]}"#;
        let book = PriceBook::from_json(text).unwrap();
        let prices = vec![
            found("instance/a", "r1", "1.00"),
            found("instance/a", "r2", "1.5"),
            found("instance/unused", "r1", "9"),
        ];
        let refreshed = merge(book, "x.json".into(), prices, today(), Provider::ALL[0]);
        assert_eq!(refreshed.same, 1);
        assert_eq!(
            refreshed.moved,
            [(
                "instance/a".to_owned(),
                "r2".to_owned(),
                Some(Decimal::ONE),
                "1.5".parse().unwrap()
            )]
        );
        assert_eq!(refreshed.untold, ["nat"]);
        assert_eq!(
            refreshed.book.find("instance/a", "r1").unwrap().amount,
            Decimal::ONE
        );
        assert_eq!(refreshed.book.find("instance/a", "r2").unwrap().as_of, today());
        assert!(refreshed.book.find("instance/unused", "r1").is_none());
    }

    /// `{"next": …, "amount": …}`.
    fn parse_test_page(text: &str) -> anyhow::Result<Read> {
        let page: serde_json::Value = serde_json::from_str(text)?;
        let next = page["next"].as_str().map(str::to_owned);
        Ok((vec![found("nat", "*", page["amount"].as_str().unwrap())], next))
    }

    async fn serve(app: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    async fn fetched(url: String) -> anyhow::Result<Vec<Found>> {
        crate::install_tls();
        fetch(Page {
            url,
            token: Some(Secret::new("t0ken")),
            parse: parse_test_page,
        })
        .await
    }

    #[tokio::test]
    async fn pages_are_followed_and_what_is_busy_is_asked_again() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let app = Router::new().route(
            "/prices",
            get(
                async |Query(query): Query<std::collections::BTreeMap<String, String>>,
                       headers: axum::http::HeaderMap| {
                    let host = headers["host"].to_str().unwrap();
                    if query.contains_key("page") {
                        return r#"{"amount": "2"}"#.into_response();
                    }
                    if ASKED.fetch_add(1, Ordering::SeqCst) == 0 {
                        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "").into_response();
                    }
                    format!(r#"{{"amount": "1", "next": "http://{host}/prices?page=2"}}"#).into_response()
                },
            ),
        );
        let url = serve(app).await;
        let amounts: Vec<String> = fetched(format!("{url}/prices"))
            .await
            .unwrap()
            .iter()
            .map(|price| price.amount.to_string())
            .collect();
        assert_eq!(amounts, ["1", "2"]);
        assert_eq!(ASKED.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_page_on_another_host_a_circle_and_a_refusal_end_it() {
        let app = Router::new()
            .route(
                "/elsewhere",
                get(async || r#"{"amount": "1", "next": "http://example.com/prices"}"#),
            )
            .route(
                "/circle",
                get(async |headers: axum::http::HeaderMap| {
                    let host = headers["host"].to_str().unwrap();
                    format!(r#"{{"amount": "1", "next": "http://{host}/circle"}}"#)
                }),
            )
            .route("/refused", get(async || StatusCode::FORBIDDEN))
            .route("/torn", get(async || r#"{"amount": "#));
        let url = serve(app).await;
        for (path, words) in [
            ("elsewhere", "another host (example.com)"),
            ("circle", "in a circle"),
            ("refused?key=t0psecret", "answers with 403"),
            ("torn", "EOF while parsing"),
        ] {
            let error = format!("{:#}", fetched(format!("{url}/{path}")).await.unwrap_err());
            assert!(error.contains(words), "{path}: {error}");
            assert!(
                !error.contains("t0psecret") && !error.contains("t0ken"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_amount_is_what_is_written_and_nothing_below_zero() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        assert_eq!(decimal(&raw("0.1")).unwrap().to_string(), "0.1");
        assert_eq!(decimal(&raw("\"0.0416\"")).unwrap().to_string(), "0.0416");
        assert_eq!(decimal(&raw("2.5e-5")).unwrap().to_string(), "0.000025");
        assert!(decimal(&raw("-1")).is_err());
        assert!(
            is_in_dollars("EUR")
                .unwrap_err()
                .to_string()
                .contains("allowed is USD")
        );
    }
}
