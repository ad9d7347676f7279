-- The second fence under the handlers: a request of one customer can't see or touch another's rows,
-- whatever its SQL says. The setting is transaction-local and reads as '' after its first use.
create function current_customer() returns uuid
    language sql
    stable
as $$
    select nullif(current_setting('siteplane.customer_id', true), '')::uuid
$$;
grant execute on function current_customer () to siteplane_api, siteplane_platform, siteplane_worker, siteplane_auth;

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array[
        'users', 'api_tokens', 'sites', 'site_specifications', 'deployments', 'deployment_steps',
        'deployment_events', 'site_resources', 'state_versions', 'site_states', 'audit_events', 'idempotency_keys'
    ] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format(
            'create policy %I on %I to siteplane_api using (customer_id = current_customer()) with check (customer_id = current_customer())',
            tenant_table || '_tenant', tenant_table);
        execute format('create policy %I on %I for select to siteplane_platform using (true)',
            tenant_table || '_platform', tenant_table);
        execute format('create policy %I on %I to siteplane_worker using (true) with check (true)',
            tenant_table || '_worker', tenant_table);
        -- The owner answers for functions that run as the owner, and for migrations.
        execute format('create policy %I on %I to current_user using (true) with check (true)',
            tenant_table || '_owner', tenant_table);
    end loop;
end
$$;

alter table customers enable row level security;
alter table customers force row level security;
create policy customers_tenant on customers to siteplane_api using (id = current_customer());
create policy customers_platform on customers to siteplane_platform using (true) with check (true);
create policy customers_worker on customers to siteplane_worker using (true) with check (true);
create policy customers_owner on customers to current_user using (true) with check (true);

-- An account without a customer serves all of them; nobody but its owner changes it.
alter table cloud_accounts enable row level security;
alter table cloud_accounts force row level security;
create policy cloud_accounts_tenant on cloud_accounts for select to siteplane_api
    using (customer_id is null or customer_id = current_customer());
create policy cloud_accounts_platform on cloud_accounts to siteplane_platform using (true) with check (true);
create policy cloud_accounts_worker on cloud_accounts for select to siteplane_worker using (true);
create policy cloud_accounts_owner on cloud_accounts to current_user using (true) with check (true);

-- Two references that no foreign key can hold to one customer: an account may serve all of them, and events
-- have no foreign key, which would cost too much.
create policy sites_tenant_account on sites as restrictive to siteplane_api
    using (true)
    with check (exists (select from cloud_accounts account where account.id = cloud_account_id));
create policy deployments_tenant_account on deployments as restrictive to siteplane_api
    using (true)
    with check (exists (select from cloud_accounts account where account.id = cloud_account_id));
create policy deployment_events_tenant_deployment on deployment_events as restrictive for insert to siteplane_api
    with check (exists (select from deployments deployment where deployment.id = deployment_id));

-- Platform's own writes: the first customers, users, tokens and accounts, and their audit.
create policy users_platform_insert on users for insert to siteplane_platform with check (true);
create policy api_tokens_platform_insert on api_tokens for insert to siteplane_platform with check (true);
create policy audit_events_platform_insert on audit_events for insert to siteplane_platform with check (true);

-- Grants: what each role may do at all.
grant select on customers, users, api_tokens, sites, site_specifications, deployments, deployment_steps,
    deployment_events, site_resources, state_versions, site_states, audit_events, workers
    to siteplane_api, siteplane_platform, siteplane_worker;
grant select (id, customer_id, provider, world, name, endpoint, provider_options, max_concurrent, created_at)
    on cloud_accounts to siteplane_api, siteplane_platform;
grant select on cloud_accounts to siteplane_worker;
grant insert on customers, users, api_tokens, cloud_accounts to siteplane_platform;

grant insert on sites, site_specifications, deployments, deployment_steps, deployment_events, site_states
    to siteplane_api, siteplane_worker;
grant update on sites, deployments, deployment_steps, site_states to siteplane_api, siteplane_worker;
grant update (turn, last_claimed_at) on customers to siteplane_worker;
grant insert, update, delete on site_resources, state_versions to siteplane_worker;
-- A person's Terraform writes state through the API.
grant insert on state_versions to siteplane_api;
grant insert on audit_events to siteplane_api, siteplane_platform, siteplane_worker;
grant select, insert, delete on idempotency_keys to siteplane_api;
grant select, delete on idempotency_keys to siteplane_worker;
grant insert, update, delete on workers to siteplane_worker;
