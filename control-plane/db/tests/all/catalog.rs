//! What must hold for every table, role, policy and constraint, asked of the catalog.

use crate::scene::Scene;

/// Asks the owner for one column of text.
async fn texts(scene: &Scene, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query)
        .fetch_all(&mut scene.database.owner().await)
        .await
        .unwrap()
}

const NONE: [&str; 0] = [];

#[tokio::test]
async fn every_table_of_tenants_has_row_level_security_enabled_and_forced_with_a_policy_for_the_api() {
    let scene = Scene::new().await;
    let tables = texts(
        &scene,
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and (a.attname = 'customer_id' or c.relname = 'customers' and a.attname = 'id')
         order by 1",
    )
    .await;
    assert!(tables.len() >= 14, "{tables:?}");
    let unprotected = texts(
        &scene,
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and (a.attname = 'customer_id' or c.relname = 'customers' and a.attname = 'id')
           and not (c.relrowsecurity and c.relforcerowsecurity and exists (
               select from pg_policy p
               where p.polrelid = c.oid and p.polpermissive and 'siteplane_api'::regrole = any (p.polroles)
                 and pg_get_expr(p.polqual, p.polrelid) like '%current_customer()%'
           ))",
    )
    .await;
    assert_eq!(unprotected, NONE);
}

#[tokio::test]
async fn a_table_without_a_customer_is_one_that_was_meant_to_be() {
    let scene = Scene::new().await;
    let tables = texts(
        &scene,
        "select c.relname::text from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'customer_id')
         order by 1",
    )
    .await;
    assert_eq!(
        tables,
        [
            "_sqlx_migrations",
            "credentials",
            "customers",
            "one_time_tokens",
            "rate_counts",
            "recovery_codes",
            "refresh_tokens",
            "sessions",
            "sign_in_failures",
            "signing_keys",
            "workers"
        ]
    );
    // What proves who somebody is, only sign-in may see: no request of a customer, none of the platform.
    for role in ["siteplane_api", "siteplane_platform", "siteplane_worker"] {
        for table in &tables[1..tables.len() - 1] {
            let may: bool =
                sqlx::query_scalar("select has_any_column_privilege($1, $2, 'select, insert, update')")
                    .bind(role)
                    .bind(table)
                    .fetch_one(&mut scene.database.owner().await)
                    .await
                    .unwrap();
            assert_eq!(may, table == "customers", "{role} on {table}");
        }
    }
}

#[tokio::test]
async fn no_role_of_ours_owns_anything_or_has_a_right_beyond_its_grants() {
    let scene = Scene::new().await;
    let mighty = texts(
        &scene,
        "select rolname::text from pg_roles
         where rolname like 'siteplane%'
           and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication
                or rolcanlogin <> (rolname = 'siteplane_program') or rolname = 'siteplane_program' and rolinherit)",
    )
    .await;
    assert_eq!(mighty, NONE);
    let owned = texts(
        &scene,
        "select c.relname::text from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname like 'siteplane%'
         union all
         select p.proname::text from pg_proc p join pg_roles r on r.oid = p.proowner where r.rolname like 'siteplane%'
         union all
         select n.nspname::text from pg_namespace n join pg_roles r on r.oid = n.nspowner where r.rolname like 'siteplane%'",
    )
    .await;
    assert_eq!(owned, NONE);
    let inherited = texts(
        &scene,
        "select m.member::regrole::text from pg_auth_members m
         where m.member::regrole::text like 'siteplane%' and m.member <> 'siteplane_program'::regrole",
    )
    .await;
    assert_eq!(inherited, NONE, "a role of ours is a member of another");
}

#[tokio::test]
async fn no_partition_of_the_events_is_granted_to_anybody() {
    let scene = Scene::new().await;
    let granted = texts(
        &scene,
        "select c.relname || ' to ' || coalesce(nullif(acl.grantee, 0)::regrole::text, 'public')
         from pg_class c, aclexplode(c.relacl) acl where c.relispartition and acl.grantee <> c.relowner",
    )
    .await;
    assert_eq!(granted, NONE);
    let partitions = texts(
        &scene,
        "select relname::text from pg_class where relispartition and relkind = 'r'",
    )
    .await;
    assert_eq!(partitions.len(), 4);
}

#[tokio::test]
async fn every_constraint_has_a_name_that_says_what_it_holds() {
    let scene = Scene::new().await;
    let nameless = texts(
        &scene,
        "select c.relname || ': ' || k.conname
         from pg_constraint k join pg_class c on c.oid = k.conrelid
         where c.relnamespace = 'public'::regnamespace and not c.relispartition and c.relname <> '_sqlx_migrations'
           and not case k.contype
               when 'p' then k.conname = c.relname || '_pkey'
               when 'u' then k.conname like c.relname || '%_key'
               when 'f' then k.conname like c.relname || '%_fkey'
               when 'c' then k.conname like c.relname || '%' and k.conname !~ '_check[0-9]*$'
               when 'n' then true
               else false
           end",
    )
    .await;
    assert_eq!(nameless, NONE);
}

#[tokio::test]
async fn every_foreign_key_from_a_customers_row_to_a_sites_holds_both_to_one_customer() {
    let scene = Scene::new().await;
    // A key to a table of tenants must carry the customer, or another key of the same table does for the same column.
    let loose = texts(
        &scene,
        "select k.conname::text from pg_constraint k
         where k.contype = 'f' and k.confrelid in ('sites'::regclass, 'deployments'::regclass)
           and not exists (
               select from pg_attribute a
               where a.attrelid = k.conrelid and a.attnum = any (k.conkey) and a.attname = 'customer_id'
           )
         order by 1",
    )
    .await;
    assert_eq!(
        loose,
        ["deployments_replaces_fkey"],
        "that one is a note and gives nobody a right"
    );
}

#[tokio::test]
async fn functions_that_run_as_the_owner_fix_their_search_path() {
    let scene = Scene::new().await;
    let loose = texts(
        &scene,
        "select proname::text from pg_proc
         where prosecdef and pronamespace = 'public'::regnamespace
           and not coalesce(proconfig::text like '%search_path=%', false)",
    )
    .await;
    assert_eq!(loose, NONE);
}

#[tokio::test]
async fn sign_in_reaches_people_and_what_proves_who_they_are_and_no_site() {
    let scene = Scene::new().await;
    let readable = texts(
        &scene,
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('public', 'apalis') and c.relkind in ('r', 'p', 'v', 'S')
           and c.relname <> '_sqlx_migrations' and has_schema_privilege('siteplane_auth', n.oid, 'usage')
           and case c.relkind when 'S' then has_sequence_privilege('siteplane_auth', c.oid, 'select, update, usage')
               else has_any_column_privilege('siteplane_auth', c.oid, 'select, insert, update, references')
                 or has_table_privilege('siteplane_auth', c.oid, 'delete, truncate, trigger') end",
    )
    .await;
    let mut readable = readable;
    readable.sort();
    assert_eq!(
        readable,
        [
            "audit_events",
            "credentials",
            "customers",
            "invitations",
            "mails",
            "one_time_tokens",
            "rate_counts",
            "recovery_codes",
            "refresh_tokens",
            "roles",
            "sessions",
            "sign_in_failures",
            "signing_keys",
            "users"
        ]
        .map(|table| format!("public.{table}"))
    );
    for written in ["audit_events", "mails"] {
        let may: bool = sqlx::query_scalar("select has_any_column_privilege('siteplane_auth', $1, 'select')")
            .bind(written)
            .fetch_one(&mut scene.database.owner().await)
            .await
            .unwrap();
        assert!(!may, "{written} is written to and not read");
    }
    let callable = texts(
        &scene,
        "select p.proname::text from pg_proc p
         where p.pronamespace = 'public'::regnamespace and p.prosecdef
           and has_function_privilege('siteplane_auth', p.oid, 'execute')
         order by 1",
    )
    .await;
    assert_eq!(callable, ["find_api_token", "find_session"]);
    for other in ["siteplane_api", "siteplane_platform", "siteplane_worker"] {
        let may: bool =
            sqlx::query_scalar("select has_function_privilege($1, 'find_api_token(bytea)', 'execute')")
                .bind(other)
                .fetch_one(&mut scene.database.owner().await)
                .await
                .unwrap();
        assert!(!may, "{other} may call find_api_token");
    }
}
