-- What a customer bought, and whether they may still act. Suspending or deactivating one destroys nothing.
alter table customers
    add column tier text not null default 'standard'
        constraint customers_tier_is_known check (tier in ('standard', 'premium', 'enterprise')),
    add column status text not null default 'active'
        constraint customers_status_is_known check (status in ('active', 'suspended', 'deactivated')),
    add column status_reason text,
    add column max_sites integer
        constraint customers_max_sites_is_not_negative check (max_sites >= 0),
    add column version integer not null default 1,
    add column updated_at timestamptz not null default now();

grant update (name, tier, status, status_reason, max_sites, max_concurrent, weight, version, updated_at)
    on customers to siteplane_platform;
