//! Azure's retail prices: virtual machines of the sizes, in every region.

use domain::{price::Unit, provider::SizeFacts};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Found, Page, Read, decimal, is_in_dollars};

const API: &str = "https://prices.azure.com/api/retail/prices?api-version=2023-01-01-preview&$filter=";

pub(super) fn pages(sizes: &[SizeFacts]) -> Vec<Page> {
    sizes
        .iter()
        .map(|size| Page {
            url: format!(
                "{API}serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armSkuName eq '{}'",
                size.instance_type
            ),
            token: None,
            parse,
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    retail_price: Box<RawValue>,
    arm_region_name: String,
    arm_sku_name: String,
    meter_name: String,
    product_name: String,
    unit_of_measure: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    billing_currency: String,
    items: Vec<Item>,
    next_page_link: Option<String>,
}

fn parse(text: &str) -> anyhow::Result<Read> {
    let answer: Answer = serde_json::from_str(text)?;
    is_in_dollars(&answer.billing_currency)?;
    let mut found = Vec::new();
    for item in answer.items {
        // The same size is sold with Windows and as what may be taken away any time.
        let is_other = item.product_name.contains("Windows")
            || ["Spot", "Low Priority"]
                .iter()
                .any(|word| item.meter_name.contains(word));
        if !is_other && item.unit_of_measure == "1 Hour" && !item.arm_region_name.is_empty() {
            found.push(Found {
                item: format!("instance/{}", item.arm_sku_name),
                region: item.arm_region_name,
                unit: Unit::Hour,
                amount: decimal(&item.retail_price)?,
            });
        }
    }
    Ok((found, answer.next_page_link.filter(|link| !link.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_linux_on_demand_counts() {
        // As prices.azure.com answers, cut down.
        let item = |price: &str, meter: &str, product: &str| {
            format!(
                r#"{{"currencyCode": "USD", "retailPrice": {price}, "armRegionName": "westeurope", "meterName": "{meter}",
                "productName": "{product}", "skuName": "D2s v5", "unitOfMeasure": "1 Hour", "type": "Consumption",
                "armSkuName": "Standard_D2s_v5"}}"#
            )
        };
        let items = [
            item("0.115", "D2s v5", "Virtual Machines Dsv5 Series"),
            item("0.03", "D2s v5 Spot", "Virtual Machines Dsv5 Series"),
            item("0.207", "D2s v5", "Virtual Machines Dsv5 Series Windows"),
        ];
        let text = format!(
            r#"{{"BillingCurrency": "USD", "Items": [{}], "NextPageLink": null, "Count": 3}}"#,
            items.join(",")
        );
        let (found, next) = parse(&text).unwrap();
        assert_eq!((found.len(), next), (1, None));
        assert_eq!(found[0].amount.to_string(), "0.115");
        assert!(parse(&text.replace(r#""BillingCurrency": "USD""#, r#""BillingCurrency": "EUR""#)).is_err());
    }
}
