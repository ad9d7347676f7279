//! Quotes against sums made by hand, and what the books that come with this version can answer.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::specification::Size;

fn site(region: &str, rest: &Value) -> SiteSpecification {
    let mut site = json!({
        "name": "shop", "provider": "aws", "region": region,
        "application": {"image": "nginx:1.29", "port": 80},
    });
    site.as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    serde_json::from_value(site).unwrap()
}

fn blog() -> SiteSpecification {
    site(
        "us-east-1",
        &json!({"size": "small", "scaling": {"min": 1, "max": 1}}),
    )
}

fn shop() -> SiteSpecification {
    site(
        "eu-central-1",
        &json!({
            "size": "medium", "scaling": {"min": 2, "max": 4},
            "database": {"storage_gb": 60, "high_availability": true}, "storage": {"versioning": true},
        }),
    )
}

fn catalogue() -> SiteSpecification {
    site(
        "us-east-1",
        &json!({
            "size": "xlarge", "scaling": {"min": 3, "max": 12},
            "database": {"storage_gb": 200, "high_availability": true, "read_replica": true},
        }),
    )
}

/// A cloud, its region, and each line by hand: list price × quantity × 730 hours, rounded to cents.
type ByHand = (&'static str, &'static str, &'static [&'static str], &'static str);

const BLOG: &[ByHand] = &[
    // 1 × g6-standard-1 at 12, NodeBalancer 10.
    ("akamai", "us-iad", &["12.00", "10.00"], "22.00"),
    // 1 × s-1vcpu-2gb at 12, one node of the balancer 12.
    ("digitalocean", "nyc1", &["12.00", "12.00"], "24.00"),
    // 0.037735 h, forwarding rule 0.025 h, address 0.005 h, 20 GB at 0.11, NAT 0.0014 h.
    (
        "gcp",
        "us-east4",
        &["27.55", "18.25", "3.65", "2.20", "1.02"],
        "52.67",
    ),
    // NAT 0.045 h, balancer 0.0225 h, 0.0208 h, three addresses 0.005 h, 7 metrics at 0.30, 20 GB at 0.08.
    (
        "aws",
        "us-east-1",
        &["32.85", "16.43", "15.18", "10.95", "2.10", "1.60"],
        "79.11",
    ),
    // NAT 0.045 h, 0.0416 h, balancer 0.025 h, P6 at 10.21, two addresses 0.005 h.
    (
        "azure",
        "eastus",
        &["32.85", "30.37", "18.25", "10.21", "7.30"],
        "98.98",
    ),
];

const SHOP: &[ByHand] = &[
    // Two nodes at 60.90, two Droplets at 24, one node 12, Spaces 5.
    (
        "digitalocean",
        "fra1",
        &["121.80", "48.00", "12.00", "5.00"],
        "186.80",
    ),
    // Three nodes at 147, two instances at 24, balancer 10, buckets 5.
    (
        "akamai",
        "de-fra-2",
        &["147.00", "48.00", "10.00", "5.00"],
        "210.00",
    ),
    // 0.152 h, two NAT 0.052 h, two 0.048 h, balancer 0.027 h, 120 GB at 0.137, four addresses, 14 metrics, 40 GB at 0.0952.
    (
        "aws",
        "eu-central-1",
        &[
            "110.96", "75.92", "70.08", "19.71", "16.44", "14.60", "4.20", "3.81",
        ],
        "315.72",
    ),
    // 2 vCPU at 0.1064 h, two 0.086335 h, 7.5 GB at 0.018 h, 60 GB at 0.438, rule, 40 GB at 0.12, address, two NAT.
    (
        "gcp",
        "europe-west3",
        &[
            "155.34", "126.05", "98.55", "26.28", "18.25", "4.80", "3.65", "2.04",
        ],
        "434.96",
    ),
    // Two servers 0.2132 h, two 0.115 h, NAT, two P6 at 11.23, balancer, 128 GB at 0.1378, two addresses, zone 0.50.
    (
        "azure",
        "germanywestcentral",
        &[
            "311.27", "167.90", "32.85", "22.46", "18.25", "17.64", "7.30", "0.50",
        ],
        "578.17",
    ),
];

const CATALOGUE: &[ByHand] = &[
    // Three nodes at 588, three instances at 96, balancer 10.
    ("akamai", "us-iad", &["588.00", "288.00", "10.00"], "886.00"),
    // Two nodes at 244.35, three Droplets at 96, the replica, three nodes of the balancer.
    (
        "digitalocean",
        "nyc1",
        &["488.70", "288.00", "244.35", "36.00"],
        "1057.05",
    ),
    // Three 0.384 h, 0.636 h, the replica 0.318 h, two NAT, 400 GB and 200 GB at 0.115, balancer, 4 addresses, 21 metrics, 60 GB.
    (
        "aws",
        "us-east-1",
        &[
            "840.96", "464.28", "232.14", "65.70", "46.00", "23.00", "16.43", "14.60", "6.30", "4.80",
        ],
        "1714.21",
    ),
    // Three 0.30188 h, 8 vCPU at 0.093 h, 30 GB at 0.0158 h, the replica's 0.0465 h and 0.0079 h, 200 GB at 0.3829 and 0.1915,
    // rule, 60 GB at 0.11, address, three NAT.
    (
        "gcp",
        "us-east4",
        &[
            "661.12", "543.12", "346.02", "271.56", "173.01", "76.58", "38.30", "18.25", "6.60", "3.65",
            "3.07",
        ],
        "2141.28",
    ),
    // Two servers 0.712 h, three 0.384 h, the replica, 512 GB at 0.115, NAT, three P6 at 10.21, 256 GB, balancer, addresses, zone.
    (
        "azure",
        "eastus",
        &[
            "1039.52", "840.96", "519.76", "58.88", "32.85", "30.63", "29.44", "18.25", "7.30", "0.50",
        ],
        "2578.09",
    ),
];

#[test]
fn three_sites_cost_on_five_clouds_what_a_person_sums_up() {
    for (specification, by_hand) in [(blog(), BLOG), (shop(), SHOP), (catalogue(), CATALOGUE)] {
        let quotes = Quote::on_every_cloud(&specification, &ChosenRegions::new());
        let order: Vec<&str> = quotes.iter().map(|quote| quote.provider.as_str()).collect();
        let expected: Vec<&str> = by_hand.iter().map(|(cloud, ..)| *cloud).collect();
        assert_eq!(order, expected);
        for (quote, (cloud, region, lines, total)) in quotes.iter().zip(by_hand) {
            assert_eq!(quote.region, *region, "{cloud}");
            let estimate = quote.estimate.as_ref().unwrap();
            let amounts: Vec<String> = estimate
                .lines
                .iter()
                .map(|line| line.monthly.amount.to_string())
                .collect();
            assert_eq!(amounts, *lines, "{cloud}: {:#?}", estimate.lines);
            let sum: Decimal = lines.iter().map(|line| line.parse::<Decimal>().unwrap()).sum();
            assert_eq!(sum.to_string(), *total, "{cloud}: the hand's own sum");
            assert_eq!(estimate.monthly.amount.to_string(), *total, "{cloud}");
            assert_eq!(estimate.not_priced, [], "{cloud}");
        }
    }
}

/// Parts without a price and all parts, of the dearest site in a region.
fn unpriced(provider: Provider, region: &str, size: Size) -> (usize, usize) {
    let specification = SiteSpecification {
        provider,
        region: region.to_owned(),
        size,
        ..catalogue()
    };
    let facts = provider.facts();
    let expected = (facts.expected_resources)(&specification, facts.size(size));
    let estimate = Estimate::of(provider, region, &Resources(expected));
    let parts = estimate.lines.len() + estimate.by_use.len() + estimate.not_priced.len();
    (estimate.not_priced.len(), parts)
}

#[test]
fn nearly_every_part_of_the_three_sites_has_a_price_and_the_share_in_all_regions_is_told() {
    let (mut without, mut all) = (0, 0);
    for specification in [blog(), shop(), catalogue()] {
        for quote in Quote::on_every_cloud(&specification, &ChosenRegions::new()) {
            let estimate = quote.estimate.unwrap();
            without += estimate.not_priced.len();
            all += estimate.not_priced.len() + estimate.lines.len() + estimate.by_use.len();
        }
    }
    assert!(without * 20 < all, "{without} of {all} parts are not priced");
    println!("three sites on five clouds: {without} of {all} parts are not priced");
    for provider in Provider::ALL {
        let (mut without, mut all) = (0, 0);
        for region in provider.facts().regions {
            for size in Size::ALL {
                let (missing, parts) = unpriced(provider, region.key, size);
                without += missing;
                all += parts;
            }
        }
        let regions = provider.facts().regions.len();
        println!("{provider}, all {regions} regions: {without} of {all} parts are not priced");
    }
}

#[test]
fn a_missing_price_is_named_and_puts_the_quote_behind_the_complete_ones() {
    // Databases of AWS are in the book for five regions.
    let mut specification = catalogue();
    specification.region = "sa-east-1".to_owned();
    let quotes = Quote::on_every_cloud(&specification, &ChosenRegions::new());
    let aws = quotes
        .iter()
        .position(|quote| quote.provider.as_str() == "aws")
        .unwrap();
    let estimate = quotes[aws].estimate.as_ref().unwrap();
    let reasons: Vec<&str> = estimate
        .not_priced
        .iter()
        .map(|part| part.reason.as_str())
        .collect();
    assert!(
        reasons.contains(&"the price book has no database/db.m6g.xlarge/ha in sa-east-1"),
        "{reasons:?}"
    );
    assert!(
        estimate.headline().contains("not priced"),
        "{}",
        estimate.headline()
    );
    let complete = |quote: &Quote| {
        quote
            .estimate
            .as_ref()
            .is_some_and(|estimate| estimate.not_priced.is_empty())
    };
    assert!(quotes[..aws].iter().any(complete) && !quotes[aws..].iter().any(complete));
}

#[test]
fn thirty_prices_and_more_have_an_independent_second_source() {
    let rows = Provider::ALL
        .iter()
        .flat_map(|provider| provider.facts().price_book.rows());
    let seconds = rows.filter(|row| row.second_source.is_some()).count();
    assert!(seconds >= 30, "{seconds}");
}

#[test]
fn a_cloud_that_can_not_do_it_says_so_and_the_others_are_priced() {
    let mut specification = shop();
    // Akamai's medium has 80 GB, and DigitalOcean has no PostgreSQL 18.
    let database = specification.database.as_mut().unwrap();
    database.storage_gb = 100;
    database.engine_version = "18".to_owned();
    let quotes = Quote::on_every_cloud(&specification, &ChosenRegions::new());
    let refused: Vec<(&str, Vec<&str>)> = quotes
        .iter()
        .filter(|quote| quote.estimate.is_none())
        .map(|quote| {
            let fields = quote.problems.iter().map(|problem| problem.field.as_str());
            (quote.provider.as_str(), fields.collect())
        })
        .collect();
    assert_eq!(
        refused,
        [
            ("digitalocean", vec!["database.engine_version"]),
            ("akamai", vec!["database.engine_version", "database.storage_gb"]),
        ]
    );
}

#[test]
fn a_certificate_of_one_cloud_is_taken_for_granted_on_the_others() {
    let mut specification = blog();
    specification.domain = Some("shop.example.com".to_owned());
    specification.certificate = Some(
        "arn:aws:acm:us-east-1:123456789012:certificate/1b2c3d4e-5f60-4718-9a2b-3c4d5e6f7a8b".to_owned(),
    );
    let quotes = Quote::on_every_cloud(&specification, &ChosenRegions::new());
    assert!(quotes.iter().all(|quote| quote.estimate.is_some()));
    let azure = quotes
        .iter()
        .find(|quote| quote.provider.as_str() == "azure")
        .unwrap();
    let lines = &azure.estimate.as_ref().unwrap().lines;
    assert!(lines.iter().any(|line| line.item == "application_gateway"));
    assert!(
        azure
            .assumptions
            .iter()
            .any(|sentence| sentence.contains("certificate"))
    );
}
