-- Deployments are the queue: this table is the truth, apalis only rings.
create table deployments (
    id uuid primary key,
    customer_id uuid not null constraint deployments_customer_id_fkey references customers (id),
    site_id uuid not null,
    specification integer not null,
    cloud_account_id uuid not null constraint deployments_cloud_account_id_fkey references cloud_accounts (id),
    kind text not null,
    status text not null default 'queued',
    -- What a person reads about a final status, or about what the deployment waits for.
    reason text,
    priority smallint not null default 0,

    -- Who holds it: counted up at each claim, and every write of a worker carries it.
    attempt integer not null default 0,
    worker_id uuid,
    lease_until timestamptz,
    cancel_asked_at timestamptz,

    -- Approval: the summary that was judged, and where the sealed plan lies.
    approval_required boolean not null default false,
    approved_at timestamptz,
    plan_summary jsonb,
    approved_summary jsonb,
    kept_plan jsonb,
    -- The deployment whose stale plan this one makes anew.
    replaces uuid constraint deployments_replaces_fkey references deployments (id) on delete set null,

    -- What it ran with.
    module_version text,
    module_digest text,
    terraform_version text,
    terraform_digest text,
    plugin_versions jsonb,
    trace_id text not null,

    -- Events: taken in the transaction that inserts them, and the partition that they lie in.
    last_seq bigint not null default 0,
    events_month date not null,

    created_at timestamptz not null default now(),
    queued_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,

    constraint deployments_id_customer_id_key unique (id, customer_id),
    constraint deployments_site_id_fkey
        foreign key (site_id, customer_id) references sites (id, customer_id) on delete cascade,
    constraint deployments_site_id_specification_fkey
        foreign key (site_id, specification) references site_specifications (site_id, number) on delete cascade,
    constraint deployments_kind_is_known check (kind in (
        'plan', 'create', 'update', 'destroy', 'rollback', 'suspend', 'resume', 'drift_check', 'import', 'manual'
    )),
    constraint deployments_status_is_known check (status in (
        'queued', 'planning', 'awaiting_approval', 'applying', 'cancelling', 'interrupted',
        'succeeded', 'failed', 'cancelled', 'denied', 'rejected', 'stale', 'superseded'
    )),
    constraint deployments_lease_with_status check (
        (lease_until is not null) = (status in ('planning', 'applying', 'cancelling'))
    ),
    constraint deployments_finished_at_with_status check (
        (finished_at is not null) = (status in (
            'succeeded', 'failed', 'cancelled', 'denied', 'rejected', 'stale', 'superseded'
        ))
    ),
    constraint deployments_reason_with_end check (finished_at is null or coalesce(reason, '') <> '')
);

-- Finished deployments are in none of these four: a claim costs the same after five million of them.
create index deployments_queued_idx on deployments (customer_id, priority, queued_at, id) where status = 'queued';
create index deployments_queued_site_id_idx on deployments (site_id, id) where status = 'queued';
create index deployments_leased_idx on deployments (lease_until)
    where status in ('planning', 'applying', 'cancelling');
-- At most one deployment holds a site; this also finds it.
create unique index deployments_site_id_held_key on deployments (site_id)
    where status in ('planning', 'awaiting_approval', 'applying', 'cancelling', 'interrupted');

create index deployments_site_id_id_idx on deployments (site_id, id desc);
create index deployments_customer_id_id_idx on deployments (customer_id, id desc);

create table deployment_steps (
    deployment_id uuid not null,
    customer_id uuid not null constraint deployment_steps_customer_id_fkey references customers (id),
    position smallint not null,
    name text not null,
    status text not null default 'pending',
    started_at timestamptz,
    finished_at timestamptz,
    exit_code integer,
    -- One line for a person.
    output text,
    -- Terraform's own words: summary, detail, address.
    error jsonb,
    constraint deployment_steps_pkey primary key (deployment_id, name),
    constraint deployment_steps_deployment_id_fkey
        foreign key (deployment_id, customer_id) references deployments (id, customer_id) on delete cascade,
    constraint deployment_steps_status_is_known check (status in ('pending', 'running', 'succeeded', 'failed', 'skipped'))
);
create index deployment_steps_customer_id_idx on deployment_steps (customer_id);
