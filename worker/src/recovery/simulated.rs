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

use super::{Begun, known_attributes};

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
    let mut found = BTreeMap::new();
    // Those whose id is known first, so that a look-alike does not take their place.
    let (sure, unsure): (Vec<_>, Vec<_>) = unknown.iter().partition(|(_, begun)| begun.id.is_some());
    for (address, begun) in sure.into_iter().chain(unsure) {
        let known = known_attributes(search.plan, address, begun);
        let candidates = resources_of(search, &begun.resource_type)?;
        let fits = candidates.into_iter().find(|resource| {
            let id = text(resource, "id").unwrap_or_default();
            !taken.contains(&(begun.resource_type.clone(), id.to_owned()))
                && agrees(&resource["attributes"], &known)
        });
        let Some(resource) = fits else { continue };
        if let Some(import_id) =
            (search.provider.facts().import_id)(&begun.resource_type, &resource["attributes"])
        {
            let id = text(&resource, "id").unwrap_or_default().to_owned();
            taken.insert((begun.resource_type.clone(), id));
            found.insert(address.clone(), import_id);
        }
    }
    Ok(found)
}

/// Resources of a type that carry the site's id, or, where the type has no tags, were made by its deployments.
fn resources_of(search: Search<'_>, resource_type: &str) -> io::Result<Vec<Value>> {
    let folder = search
        .cloud
        .join("resources")
        .join(search.provider.as_str())
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
fn agrees(there: &Value, known: &Value) -> bool {
    known.as_object().into_iter().flatten().all(|(name, value)| {
        let comparable = !(value.is_null() || value.is_array() || value.is_object());
        let is_hidden = there[name]
            .as_str()
            .is_some_and(|text| text.starts_with("sha256:"));
        !comparable || is_hidden || there[name] == *value
    }) && same_name_tag(there, known)
}

fn same_name_tag(there: &Value, known: &Value) -> bool {
    match known["tags"]["Name"].as_str() {
        Some(name) => there["tags"]["Name"] == name,
        None => true,
    }
}
