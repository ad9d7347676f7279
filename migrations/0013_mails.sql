-- Mails to send, written in the transaction of what they tell about. A worker sends them.
create table mails (
    id uuid primary key,
    -- Whose white label it wears; null is the platform's.
    customer_id uuid constraint mails_customer_id_fkey references customers (id),
    recipient text not null,
    template text not null,
    -- What the template is filled with: links that act for whoever has them, so sealed with the master key.
    -- Removed as soon as the mail was sent or given up.
    parameters_sealed bytea,
    status text not null default 'queued',
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    last_error text,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint mails_status_is_known check (status in ('queued', 'sent', 'given_up')),
    constraint mails_finished_at_with_status check ((finished_at is null) = (status = 'queued')),
    constraint mails_parameters_until_finished check ((parameters_sealed is not null) = (status = 'queued'))
);
create index mails_next_attempt_at_idx on mails (next_attempt_at) where status = 'queued';
create index mails_customer_id_idx on mails (customer_id, id desc);

alter table mails enable row level security;
alter table mails force row level security;
create policy mails_tenant on mails for insert to siteplane_api with check (customer_id = current_customer());
create policy mails_tenant_read on mails for select to siteplane_api using (customer_id = current_customer());
create policy mails_platform on mails for select to siteplane_platform using (true);
create policy mails_platform_insert on mails for insert to siteplane_platform with check (true);
create policy mails_auth on mails for insert to siteplane_auth with check (true);
create policy mails_worker on mails to siteplane_worker using (true) with check (true);
create policy mails_owner on mails to current_user using (true) with check (true);

grant select (id, customer_id, recipient, template, status, attempts, next_attempt_at, last_error, created_at, finished_at)
    on mails to siteplane_api, siteplane_platform;
grant insert on mails to siteplane_api, siteplane_platform, siteplane_auth;
grant select, update on mails to siteplane_worker;
