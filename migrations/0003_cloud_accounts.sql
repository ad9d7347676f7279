-- Accounts at clouds. One without a customer serves every customer.
create table cloud_accounts (
    id uuid primary key,
    customer_id uuid constraint cloud_accounts_customer_id_fkey references customers (id),
    provider text not null,
    world text not null constraint cloud_accounts_world_is_known check (world in ('real', 'emulator', 'simulated')),
    name text not null,
    -- Sealed with the master key; only workers may read it.
    credentials_sealed bytea not null,
    -- Address of an emulator or folder of a simulated cloud.
    endpoint text,
    provider_options jsonb not null default '{}',
    max_concurrent integer not null default 50
        constraint cloud_accounts_max_concurrent_is_positive check (max_concurrent > 0),
    created_at timestamptz not null default now(),
    constraint cloud_accounts_customer_id_name_key unique nulls not distinct (customer_id, name),
    constraint cloud_accounts_endpoint_unless_real check (world = 'real' or endpoint is not null)
);
create index cloud_accounts_provider_idx on cloud_accounts (provider, customer_id);
