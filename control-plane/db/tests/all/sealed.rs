//! The columns of sealed values: none is forgotten, and none is replaced that somebody changed.

use db::sealed::{self, Replacement, SEALED_COLUMNS, SealedColumn};

use crate::scene::Scene;

#[tokio::test]
async fn every_sealed_column_of_the_schema_is_in_the_list_with_its_primary_key() {
    let scene = Scene::new().await;
    let in_schema: Vec<String> = sqlx::query_scalar(
        "select c.relname || '.' || a.attname || ' by ' || (
             select string_agg(k.attname || ' ' || format_type(k.atttypid, null), ', ' order by array_position(i.indkey::int2[], k.attnum))
             from pg_index i join pg_attribute k on k.attrelid = c.oid and k.attnum = any (i.indkey)
             where i.indrelid = c.oid and i.indisprimary
         )
         from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and a.attname like '%\\_sealed' and not a.attisdropped
         order by 1",
    )
    .fetch_all(&mut scene.database.owner().await)
    .await
    .unwrap();
    let mut listed: Vec<String> = SEALED_COLUMNS
        .iter()
        .map(|column| {
            let key: Vec<String> = column
                .key
                .iter()
                .map(|(name, kind)| format!("{name} {kind}"))
                .collect();
            format!("{column} by {}", key.join(", "))
        })
        .collect();
    listed.sort();
    assert_eq!(in_schema, listed, "add the column to db::sealed::SEALED_COLUMNS");
    let other_types: Vec<String> = sqlx::query_scalar(
        "select c.relname || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and a.attname like '%sealed%' and a.atttypid <> 'bytea'::regtype",
    )
    .fetch_all(&mut scene.database.owner().await)
    .await
    .unwrap();
    assert_eq!(other_types, Vec::<String>::new());
}

fn column(table: &str) -> SealedColumn {
    *SEALED_COLUMNS
        .iter()
        .find(|column| column.table == table)
        .unwrap()
}

#[tokio::test]
async fn a_page_goes_on_after_the_last_key_and_a_value_that_was_changed_or_is_held_stays() {
    let scene = Scene::new().await;
    let mut owner = scene.database.owner().await;
    for number in 1..=5 {
        sqlx::query(
            "insert into signing_keys (id, public_key, private_key_sealed, signs_from)
             values (('00000000-0000-0000-0000-00000000000' || $1::text)::uuid, decode(repeat('00', 32), 'hex'), convert_to('value ' || $1::text, 'UTF8'), now())",
        )
        .bind(number)
        .execute(&mut owner)
        .await
        .unwrap();
    }
    let of = column("signing_keys");
    let first = sealed::page(&mut owner, &of, None, None, 3).await.unwrap();
    let rest = sealed::page(&mut owner, &of, Some(&first[2].key), Some(3), 9)
        .await
        .unwrap();
    assert_eq!(first.len(), 3);
    assert_eq!(first[0].sealed, b"value 1");
    assert_eq!(
        rest.iter().map(|row| &row.sealed[..]).collect::<Vec<_>>(),
        [b"val"; 2]
    );

    sqlx::query("update signing_keys set private_key_sealed = 'changed' where id::text like '%1'")
        .execute(&mut owner)
        .await
        .unwrap();
    let mut holder = scene.database.owner().await;
    sqlx::raw_sql("begin; update signing_keys set signs_from = now() where id::text like '%2'")
        .execute(&mut holder)
        .await
        .unwrap();
    let replacements: Vec<_> = first
        .iter()
        .map(|read| Replacement {
            read: read.clone(),
            sealed: b"wrapped anew".to_vec(),
        })
        .collect();
    assert_eq!(sealed::replace(&mut owner, &of, &replacements).await.unwrap(), 1);
    sqlx::raw_sql("commit").execute(&mut holder).await.unwrap();
    let now: Vec<String> =
        sqlx::query_scalar("select convert_from(private_key_sealed, 'UTF8') from signing_keys order by id")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert_eq!(now, ["changed", "value 2", "wrapped anew", "value 4", "value 5"]);
    // The row that was held keeps what its holder wrote beside the value.
    assert_eq!(sealed::replace(&mut owner, &of, &replacements).await.unwrap(), 1);
}

#[tokio::test]
async fn a_key_of_several_columns_is_walked_in_its_order_and_replaced_by_it() {
    let scene = Scene::new().await;
    let mut owner = scene.database.owner().await;
    let customer = scene.customer("acme", 3).await;
    let site = scene.site(customer, "shop-1").await;
    for number in [2, 10] {
        sqlx::query(
            "insert into site_specifications (site_id, number, customer_id, specification, secrets_sealed)
             select site_id, $2, customer_id, specification, convert_to('of ' || $2::text, 'UTF8')
             from site_specifications where site_id = $1 and number = 1",
        )
        .bind(site.0)
        .bind(number)
        .execute(&mut owner)
        .await
        .unwrap();
    }
    let of = column("site_specifications");
    let mut after: Option<Vec<String>> = None;
    let mut numbers = Vec::new();
    loop {
        let page = sealed::page(&mut owner, &of, after.as_deref(), None, 1)
            .await
            .unwrap();
        let Some(row) = page.into_iter().next() else { break };
        assert_eq!(row.key[0], site.0.to_string());
        numbers.push(row.key[1].clone());
        after = Some(row.key.clone());
        let replacement = Replacement {
            read: row,
            sealed: b"new".to_vec(),
        };
        assert_eq!(sealed::replace(&mut owner, &of, &[replacement]).await.unwrap(), 1);
    }
    assert_eq!(numbers, ["1", "2", "10"]);
}
