//! What a stand-in cloud really has, asked without Siteplane.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::Value;

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// What it is.
    pub(super) kind: String,
    /// Which one.
    pub(super) id: String,
}

/// A stand-in cloud.
#[derive(Clone, Debug)]
pub(super) enum Cloud {
    /// A folder of files.
    Simulated {
        /// The folder.
        folder: PathBuf,
    },
    /// An AWS emulator.
    Emulator {
        /// Its address.
        url: String,
    },
}

/// What is asked of the emulator: service, action, version, whether it filters by tag, and the element that names one.
const QUESTIONS: &[(&str, &str, &str, bool, &str)] = &[
    ("ec2", "DescribeVpcs", "2016-11-15", true, "vpcId"),
    ("ec2", "DescribeSubnets", "2016-11-15", true, "subnetId"),
    ("ec2", "DescribeRouteTables", "2016-11-15", true, "routeTableId"),
    (
        "ec2",
        "DescribeInternetGateways",
        "2016-11-15",
        true,
        "internetGatewayId",
    ),
    ("ec2", "DescribeSecurityGroups", "2016-11-15", true, "groupId"),
    (
        "ec2",
        "DescribeLaunchTemplates",
        "2016-11-15",
        true,
        "launchTemplateId",
    ),
    (
        "autoscaling",
        "DescribeAutoScalingGroups",
        "2011-01-01",
        false,
        "AutoScalingGroupARN",
    ),
    (
        "elasticloadbalancing",
        "DescribeLoadBalancers",
        "2015-12-01",
        false,
        "LoadBalancerArn",
    ),
    (
        "elasticloadbalancing",
        "DescribeTargetGroups",
        "2015-12-01",
        false,
        "TargetGroupArn",
    ),
    ("rds", "DescribeDBInstances", "2014-10-31", false, "DBInstanceArn"),
    (
        "iam",
        "ListInstanceProfiles",
        "2010-05-08",
        false,
        "InstanceProfileName",
    ),
    ("s3", "", "", false, "Name"),
];

impl Cloud {
    /// What people call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Simulated { .. } => "The SIMULATED cloud".to_owned(),
            Self::Emulator { .. } => "The AWS emulator".to_owned(),
        }
    }

    /// Everything there, or what carries a site's tag. The emulator is this demo's own, and where one of its services
    /// can't filter by tag all of it counts.
    pub(super) async fn look(&self, site_id: Option<&str>) -> anyhow::Result<BTreeSet<Found>> {
        match self {
            Self::Simulated { folder } => {
                let mut found = BTreeSet::new();
                walk(&folder.join("resources"), site_id, &mut found)?;
                Ok(found)
            }
            Self::Emulator { url } => ask(url, site_id).await,
        }
    }
}

fn walk(folder: &Path, site_id: Option<&str>, found: &mut BTreeSet<Found>) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("can't read {}", folder.display())),
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, site_id, found)?;
            continue;
        }
        // A draft of a file that is being written begins with a dot.
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        let resource: Value =
            serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))?;
        if site_id.is_none_or(|id| resource["tags"]["site_id"] == id) {
            let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
            found.insert(Found {
                kind: text("type"),
                id: text("id"),
            });
        }
    }
    Ok(())
}

async fn ask(url: &str, site_id: Option<&str>) -> anyhow::Result<BTreeSet<Found>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut found = BTreeSet::new();
    for (service, action, version, by_tag, element) in QUESTIONS {
        // The emulator checks no signature; it only reads which service is meant.
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=stand-in/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut request = if action.is_empty() {
            client.get(format!("{url}/"))
        } else {
            let mut query = vec![("Action", *action), ("Version", *version)];
            if let (true, Some(id)) = (by_tag, site_id) {
                query.extend([("Filter.1.Name", "tag:site_id"), ("Filter.1.Value.1", id)]);
            }
            client.get(format!("{url}/")).query(&query)
        };
        request = request
            .header("Authorization", scope)
            .header("X-Amz-Date", "20260101T000000Z");
        let answer = request
            .send()
            .await
            .with_context(|| format!("the emulator does not answer {action}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(
            status.is_success(),
            "the emulator refuses {service} {action} ({status}): {text}"
        );
        let kind = element
            .trim_end_matches("Id")
            .trim_end_matches("Arn")
            .trim_end_matches("ARN")
            .trim_end_matches("Name");
        let kind = if *service == "s3" { "bucket" } else { kind };
        found.extend(elements(&text, element).into_iter().map(|id| Found {
            kind: kind.to_owned(),
            id,
        }));
    }
    Ok(found)
}

/// The texts of all elements of this name.
fn elements(xml: &str, name: &str) -> BTreeSet<String> {
    let open = format!("<{name}>");
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once('<').map(|(text, _)| text.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_resources_with_the_tag_are_the_sites_and_all_count_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let resources = folder.path().join("resources/aws/aws_vpc");
        std::fs::create_dir_all(&resources).unwrap();
        std::fs::write(
            resources.join("vpc-1.json"),
            r#"{"type":"aws_vpc","id":"vpc-1","tags":{"site_id":"s1"}}"#,
        )
        .unwrap();
        std::fs::write(resources.join("vpc-2.json"), r#"{"type":"aws_vpc","id":"vpc-2"}"#).unwrap();
        std::fs::write(resources.join(".draft-1-1"), "{").unwrap();
        let cloud = Cloud::Simulated {
            folder: folder.path().to_path_buf(),
        };
        let ids = |found: BTreeSet<Found>| found.into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(cloud.look(Some("s1")).await.unwrap()), ["vpc-1"]);
        assert_eq!(ids(cloud.look(None).await.unwrap()), ["vpc-1", "vpc-2"]);
        assert_eq!(ids(cloud.look(Some("s2")).await.unwrap()), Vec::<String>::new());
    }

    #[test]
    fn names_are_read_from_an_answer() {
        let xml =
            "<r><vpcSet><item><vpcId>vpc-1</vpcId><x/></item><item><vpcId>vpc-2</vpcId></item></vpcSet></r>";
        assert_eq!(
            elements(xml, "vpcId"),
            BTreeSet::from(["vpc-1".to_owned(), "vpc-2".to_owned()])
        );
    }
}
