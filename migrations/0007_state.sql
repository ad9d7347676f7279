-- Resources that a site's state knows, and the versions of that state. The blobs lie in S3, sealed.
create table site_resources (
    site_id uuid not null,
    address text not null,
    customer_id uuid not null constraint site_resources_customer_id_fkey references customers (id),
    resource_type text not null,
    provider_id text,
    tainted boolean not null default false,
    -- Attributes without the sensitive ones.
    attributes jsonb not null,
    deployment_id uuid,
    updated_at timestamptz not null default now(),
    constraint site_resources_pkey primary key (site_id, address),
    constraint site_resources_site_id_fkey
        foreign key (site_id, customer_id) references sites (id, customer_id) on delete cascade
);
create index site_resources_customer_id_idx on site_resources (customer_id);

create table state_versions (
    id uuid primary key,
    site_id uuid not null,
    customer_id uuid not null constraint state_versions_customer_id_fkey references customers (id),
    deployment_id uuid not null,
    attempt integer not null,
    lineage text not null,
    serial bigint not null,
    -- A quarantined one came after its lease moved on: perhaps the only record of something that exists.
    standing text not null,
    resources integer not null,
    blob_key text not null constraint state_versions_blob_key_key unique,
    -- Taken under the lock on the site's row: the order in which versions were recorded.
    created_at timestamptz not null default clock_timestamp(),
    -- The blob is to be deleted, or is.
    thinned_at timestamptz,
    constraint state_versions_id_site_id_key unique (id, site_id),
    constraint state_versions_site_id_fkey
        foreign key (site_id, customer_id) references sites (id, customer_id) on delete cascade,
    constraint state_versions_standing_is_known check (standing in ('current', 'quarantined'))
);
create index state_versions_site_id_idx on state_versions (site_id, created_at desc);
create index state_versions_deployment_id_idx on state_versions (deployment_id);
create index state_versions_customer_id_idx on state_versions (customer_id);

create table site_states (
    site_id uuid primary key,
    customer_id uuid not null constraint site_states_customer_id_fkey references customers (id),
    current_version uuid,
    -- A person's lock through Terraform's http backend; a worker's is its lease.
    lock_id text,
    lock_info jsonb,
    locked_at timestamptz,
    constraint site_states_site_id_fkey
        foreign key (site_id, customer_id) references sites (id, customer_id) on delete cascade,
    constraint site_states_current_version_fkey
        foreign key (current_version, site_id) references state_versions (id, site_id),
    constraint site_states_lock_is_whole check ((lock_id is null) = (lock_info is null) and (lock_id is null) = (locked_at is null))
);
create index site_states_customer_id_idx on site_states (customer_id);
