-- Worker processes: one row from start to end of a process.
create table workers (
    id uuid primary key,
    host text not null,
    process_id integer not null,
    version text not null,
    slots integer not null,
    terraform_version text not null,
    -- What it has plugins for, such as aws/simulated.
    abilities text[] not null,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    stopped_at timestamptz
);
create index workers_seen_at_idx on workers (seen_at desc);
