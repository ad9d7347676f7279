-- Who did what to what. Written in the transaction of the change; nobody may change or remove a row.
create table audit_events (
    id uuid primary key,
    customer_id uuid constraint audit_events_customer_id_fkey references customers (id),
    at timestamptz not null default now(),
    actor_kind text not null,
    actor_id uuid,
    actor_name text not null,
    action text not null,
    subject_kind text not null,
    subject_id uuid not null,
    details jsonb not null default '{}',
    trace_id text not null,
    constraint audit_events_actor_kind_is_known check (actor_kind in ('user', 'token', 'worker', 'system'))
);
create index audit_events_customer_id_at_idx on audit_events (customer_id, at desc);
create index audit_events_subject_id_idx on audit_events (subject_id);

-- Answers to requests that carried an Idempotency-Key, kept for a day.
create table idempotency_keys (
    customer_id uuid not null constraint idempotency_keys_customer_id_fkey references customers (id),
    route text not null,
    key text not null,
    request_digest bytea not null,
    status smallint not null,
    location text,
    answer jsonb not null,
    created_at timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (customer_id, route, key)
);
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);
