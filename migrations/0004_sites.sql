-- Sites and what was asked for them. A specification is never changed: a change adds the next number.
create table sites (
    id uuid primary key,
    customer_id uuid not null constraint sites_customer_id_fkey references customers (id),
    cloud_account_id uuid not null constraint sites_cloud_account_id_fkey references cloud_accounts (id),
    name text not null,
    provider text not null,
    region text not null,
    status text not null,
    -- A speculative plan may have a site that nothing else shows.
    draft boolean not null default false,
    desired_specification integer not null,
    applied_specification integer,
    -- Outputs of the last good apply, without the sensitive ones.
    outputs jsonb not null default '{}',
    -- Sensitive outputs, sealed with the master key.
    outputs_sealed bytea,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    -- What belongs to a site names its customer too, so that nobody hangs a row of theirs on another's site.
    constraint sites_id_customer_id_key unique (id, customer_id),
    constraint sites_status_is_known check (status in (
        'creating', 'active', 'updating', 'degraded', 'suspended', 'deleting', 'deleted', 'failed'
    )),
    constraint sites_deleted_at_with_status check ((status = 'deleted') = (deleted_at is not null))
);
-- The name is free again as soon as its site is deleted.
create unique index sites_customer_id_name_key on sites (customer_id, name) where deleted_at is null and not draft;
create index sites_customer_id_id_idx on sites (customer_id, id desc) where not draft;
create index sites_cloud_account_id_idx on sites (cloud_account_id);

create table site_specifications (
    site_id uuid not null,
    number integer not null constraint site_specifications_number_is_positive check (number > 0),
    customer_id uuid not null constraint site_specifications_customer_id_fkey references customers (id),
    -- Without a secret in it.
    specification jsonb not null,
    -- The site's own secrets, sealed with the master key.
    secrets_sealed bytea not null,
    created_at timestamptz not null default now(),
    constraint site_specifications_pkey primary key (site_id, number),
    constraint site_specifications_site_id_fkey
        foreign key (site_id, customer_id) references sites (id, customer_id) on delete cascade
);
create index site_specifications_customer_id_idx on site_specifications (customer_id);
