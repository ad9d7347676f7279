//! Which resource each attribute of a resource refers to, as the configuration in a plan's JSON says.
//!
//! A plan that was made before a network's table existed does not know the table's id; its configuration knows
//! that the route belongs to the table of the same index. That tells look-alikes apart.

use std::collections::BTreeMap;

use serde_json::Value;

/// Attribute and address of the one resource that it refers to, for an address such as
/// `module.site.module.networking.aws_route.private[0]`. Attributes that are made of more are left out.
pub fn references(plan: &Value, address: &str) -> BTreeMap<String, String> {
    let (modules, resource) = split(address);
    let prefix = &address[..address.len() - resource.len()];
    let (base, index) = resource.split_at(resource.find('[').unwrap_or(resource.len()));
    let mut module = &plan["configuration"]["root_module"];
    for name in modules {
        module = &module["module_calls"][name]["module"];
    }
    let configured = module["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|known| known["address"] == base);
    let expressions = configured.and_then(|known| known["expressions"].as_object());
    expressions
        .into_iter()
        .flatten()
        .filter_map(|(attribute, expression)| {
            let target = single_target(expression["references"].as_array()?, index)?;
            Some((attribute.clone(), format!("{prefix}{target}")))
        })
        .collect()
}

/// Names of the modules, without their indexes, and the resource with its index.
fn split(address: &str) -> (Vec<&str>, &str) {
    let (mut modules, mut rest) = (Vec::new(), address);
    while let Some(after) = rest.strip_prefix("module.") {
        let Some(end) = end_of_part(after) else { break };
        let name = &after[..end];
        modules.push(name.split('[').next().unwrap_or(name));
        rest = &after[end + 1..];
    }
    (modules, rest)
}

/// Where the next dot is that stands in no index: keys of `for_each` may hold dots.
fn end_of_part(text: &str) -> Option<usize> {
    let mut in_index = false;
    text.char_indices().find_map(|(at, character)| {
        match character {
            '[' => in_index = true,
            ']' => in_index = false,
            _ => {}
        }
        (character == '.' && !in_index).then_some(at)
    })
}

/// The resource that the references name, if they name one and nothing else but the own index.
fn single_target(references: &[Value], index: &str) -> Option<String> {
    let mut target: Option<&str> = None;
    let mut own_index = false;
    for reference in references.iter().filter_map(Value::as_str) {
        if matches!(reference, "count.index" | "each.key") {
            own_index = true;
            continue;
        }
        let mut parts = reference.split('.');
        let (kind, name) = (parts.next()?, parts.next()?);
        if matches!(
            kind,
            "var" | "local" | "module" | "data" | "each" | "path" | "self" | "terraform"
        ) || name.contains('[')
        {
            return None;
        }
        let resource = &reference[..kind.len() + 1 + name.len()];
        if target.is_some_and(|target| target != resource) {
            return None;
        }
        target = Some(resource);
    }
    let own_index = if own_index { index } else { "" };
    target.map(|target| format!("{target}{own_index}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_refers_to_one_resource_counts_and_keeps_the_own_index() {
        let plan = json!({"configuration": {"root_module": {"module_calls": {"site": {"module": {"module_calls": {
            "networking": {"module": {"resources": [
                {"address": "aws_route.private", "expressions": {
                    "destination_cidr_block": {"constant_value": "0.0.0.0/0"},
                    "nat_gateway_id": {"references": ["aws_nat_gateway.this", "count.index", "local.nat_count"]},
                    "route_table_id": {"references": ["aws_route_table.private", "count.index"]},
                }},
                {"address": "aws_route.public", "expressions": {
                    "route_table_id": {"references": ["aws_route_table.public.id", "aws_route_table.public"]},
                }},
            ]}},
        }}}}}}});
        let of = |address: &str| references(&plan, address);
        let pair = |attribute: &str, target: &str| {
            (
                attribute.to_owned(),
                format!("module.site.module.networking.{target}"),
            )
        };
        assert_eq!(
            of("module.site.module.networking.aws_route.private[1]"),
            BTreeMap::from([pair("route_table_id", "aws_route_table.private[1]")])
        );
        assert_eq!(
            of("module.site.module.networking.aws_route.public"),
            BTreeMap::from([pair("route_table_id", "aws_route_table.public")])
        );
        assert_eq!(
            of("module.site.module.other[\"a.b\"].aws_route.public"),
            BTreeMap::new()
        );
    }
}
