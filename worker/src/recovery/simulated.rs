//! Finding what was begun in a simulated cloud: its directory can be listed, as a real cloud's inventory can.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use domain::{
    id::{DeploymentId, SiteId},
    provider::Provider,
};
use serde_json::Value;
use state::terraform_state::TerraformState;

use super::{Begun, known_attributes, references::references};

/// What to look for.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The cloud's directory.
    pub cloud: &'a Path,
    /// The cloud that it stands in for.
    pub provider: Provider,
    /// The site that it was made for.
    pub site: SiteId,
    /// The deployments that may have made it.
    pub deployments: &'a BTreeSet<DeploymentId>,
    /// The state that does not know it.
    pub state: Option<&'a TerraformState>,
    /// The plan that was applied, as `show -json` printed it.
    pub plan: Option<&'a Value>,
}

/// The import ids of what is there, by address. What is not there was never made.
///
/// # Errors
/// The directory can't be read.
pub fn find(search: Search<'_>, unknown: &BTreeMap<String, Begun>) -> io::Result<BTreeMap<String, String>> {
    let mut taken: BTreeSet<(String, String)> = search
        .state
        .into_iter()
        .flat_map(TerraformState::managed)
        .filter_map(|resource| Some((resource.resource_type.clone(), resource.id.clone()?)))
        .collect();
    let mut indexes: BTreeMap<String, String> = search
        .state
        .into_iter()
        .flat_map(TerraformState::managed)
        .filter_map(|resource| Some((resource.id.clone()?, index_of(&resource.address)?.to_owned())))
        .collect();
    let mut values: BTreeMap<String, BTreeSet<String>> = search
        .state
        .into_iter()
        .flat_map(TerraformState::managed)
        .map(|resource| (resource.address.clone(), texts(&resource.attributes)))
        .collect();
    let mut found = BTreeMap::new();
    for address in in_order(search.plan, unknown) {
        let begun = &unknown[address];
        let known = known_attributes(search.plan, address, begun);
        let refers_to = search
            .plan
            .map(|plan| references(plan, address))
            .unwrap_or_default();
        let candidates = resources_of(search, &begun.resource_type)?;
        let fits = candidates.into_iter().filter(|resource| {
            let id = text(resource, "id").unwrap_or_default();
            !taken.contains(&(begun.resource_type.clone(), id.to_owned()))
                && agrees(&resource["attributes"], &known)
                && leads_to(&resource["attributes"], &refers_to, &values)
        });
        let best = fits.min_by_key(|resource| strangers(&resource["attributes"], address, &indexes));
        let Some(resource) = best else { continue };
        if let Some(import_id) =
            (search.provider.facts().import_id)(&begun.resource_type, &resource["attributes"])
        {
            let id = text(&resource, "id").unwrap_or_default().to_owned();
            if let Some(index) = index_of(address) {
                indexes.insert(id.clone(), index.to_owned());
            }
            values.insert(address.clone(), texts(&resource["attributes"]));
            taken.insert((begun.resource_type.clone(), id));
            found.insert(address.clone(), import_id);
        }
    }
    Ok(found)
}

/// Those whose id is known first, so that a look-alike does not take their place; and what others refer to
/// before those others.
fn in_order<'u>(plan: Option<&Value>, unknown: &'u BTreeMap<String, Begun>) -> Vec<&'u String> {
    let (sure, unsure): (Vec<_>, Vec<_>) = unknown.iter().partition(|(_, begun)| begun.id.is_some());
    let mut left: Vec<&String> = sure
        .into_iter()
        .chain(unsure)
        .map(|(address, _)| address)
        .collect();
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |address: &String| {
            let refers_to = plan.map(|plan| references(plan, address)).unwrap_or_default();
            refers_to
                .values()
                .any(|target| target != address && left.contains(&target))
        };
        let next = left.iter().position(|address| !waits(address)).unwrap_or(0);
        order.push(left.remove(next));
    }
    order
}

/// Whether each attribute that refers to one resource holds something of that resource. What refers to a
/// resource that does not exist was never made.
fn leads_to(
    there: &Value,
    refers_to: &BTreeMap<String, String>,
    values: &BTreeMap<String, BTreeSet<String>>,
) -> bool {
    refers_to
        .iter()
        .all(|(attribute, target)| match there[attribute].as_str() {
            Some(text) if !text.starts_with("sha256:") => {
                values.get(target).is_some_and(|known| known.contains(text))
            }
            _ => true,
        })
}

/// The texts among a resource's attributes.
fn texts(attributes: &Value) -> BTreeSet<String> {
    let values = attributes.as_object().into_iter().flatten();
    values
        .filter_map(|(_, value)| value.as_str().map(str::to_owned))
        .collect()
}

/// Resources of a type that carry the site's id, or, where the type has no tags, were made by its deployments.
fn resources_of(search: Search<'_>, resource_type: &str) -> io::Result<Vec<Value>> {
    let folder = search
        .cloud
        .join("resources")
        .join(search.provider.facts().terraform_name())
        .join(resource_type);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let site = search.site.to_string();
    let mut resources = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text_of_file = match fs::read(&path) {
            // Deleted while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text?,
        };
        let resource: Value = serde_json::from_slice(&text_of_file)?;
        let tagged = resource["tags"]["site_id"].as_str();
        let made_by = text(&resource, "created_by").and_then(|by| by.split('/').next()?.parse().ok());
        let is_ours = match tagged {
            Some(tag) => tag == site,
            None => made_by.is_some_and(|deployment| search.deployments.contains(&deployment)),
        };
        if is_ours {
            resources.push(resource);
        }
    }
    Ok(resources)
}

fn text<'v>(resource: &'v Value, name: &str) -> Option<&'v str> {
    resource[name].as_str()
}

/// Whether nothing that is known contradicts what is there. Only plain values are compared, and no digests.
/// What the plan leaves null stays empty; what the cloud fills in is not among what is known.
fn agrees(there: &Value, known: &Value) -> bool {
    known.as_object().into_iter().flatten().all(|(name, value)| {
        let found = &there[name];
        let is_hidden = found.as_str().is_some_and(|text| text.starts_with("sha256:"));
        match value {
            Value::Array(_) | Value::Object(_) => true,
            _ if is_hidden => true,
            Value::Null => is_empty(found),
            value => found == value,
        }
    }) && same_name_tag(there, known)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// How many ids there belong to resources with another index: `route.private[0]` leads through
/// `route_table.private[0]`, and a plan that was made before the table does not know the table's id.
fn strangers(there: &Value, address: &str, indexes: &BTreeMap<String, String>) -> usize {
    let Some(own) = index_of(address) else { return 0 };
    let values = there.as_object().into_iter().flatten();
    values
        .filter_map(|(_, value)| indexes.get(value.as_str()?))
        .filter(|index| *index != own)
        .count()
}

/// `0` of `aws_subnet.public[0]`.
fn index_of(address: &str) -> Option<&str> {
    address
        .strip_suffix(']')?
        .rsplit_once('[')
        .map(|(_, index)| index)
}

fn same_name_tag(there: &Value, known: &Value) -> bool {
    match known["tags"]["Name"].as_str() {
        Some(name) => there["tags"]["Name"] == name,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_two_that_look_alike_each_goes_to_the_index_of_what_it_refers_to() {
        let cloud = tempfile::tempdir().unwrap();
        let folder = cloud.path().join("resources/aws/aws_route");
        fs::create_dir_all(&folder).unwrap();
        let (site, deployment) = (SiteId::new(), DeploymentId::new());
        for (file, table) in [("a", "rtb-1"), ("b", "rtb-0")] {
            let resource = json!({"id": file, "created_by": format!("{deployment}/1"), "tags": {},
                "attributes": {"id": file, "route_table_id": table, "destination_cidr_block": "0.0.0.0/0"}});
            fs::write(folder.join(format!("{file}.json")), resource.to_string()).unwrap();
        }
        let instance = |index: u32| json!({"schema_version": 0, "index_key": index, "attributes": {"id": format!("rtb-{index}")}});
        let state = json!({"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "l", "outputs": {},
            "resources": [{"mode": "managed", "type": "aws_route_table", "name": "private",
                "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
                "instances": [instance(0), instance(1)]}]});
        let state = TerraformState::parse(state.to_string().as_bytes()).unwrap();
        let begun = Begun {
            resource_type: "aws_route".to_owned(),
            id: None,
        };
        let unknown = [0, 1].map(|index| (format!("aws_route.private[{index}]"), begun.clone()));
        let search = Search {
            cloud: cloud.path(),
            provider: Provider::ALL[0],
            site,
            deployments: &BTreeSet::from([deployment]),
            state: Some(&state),
            plan: None,
        };
        let found = find(search, &BTreeMap::from(unknown)).unwrap();
        assert_eq!(found["aws_route.private[0]"], "rtb-0_0.0.0.0/0");
        assert_eq!(found["aws_route.private[1]"], "rtb-1_0.0.0.0/0");
    }
}
