-- What happens in a deployment, line by line. All events of a deployment lie in the partition of the
-- month in which it was made, so that one partition answers a reader and an old month goes as a whole.
create table deployment_events (
    month date not null,
    deployment_id uuid not null,
    seq bigint not null,
    customer_id uuid not null,
    attempt integer not null,
    at timestamptz not null default now(),
    step text,
    kind text not null,
    address text,
    message text not null,
    data jsonb,
    constraint deployment_events_pkey primary key (month, deployment_id, seq)
) partition by range (month);

-- Partitions for this month and `ahead` more. The policies of the parent do not reach its partitions,
-- so nobody is granted one. Run by `migrate`, by the owner.
create function make_event_partitions(ahead integer) returns void
    language plpgsql
as $$
declare
    first_day date;
begin
    for i in 0..ahead loop
        first_day := (date_trunc('month', now() at time zone 'utc') + make_interval(months => i))::date;
        execute format(
            'create table if not exists deployment_events_%s partition of deployment_events for values from (%L) to (%L)',
            to_char(first_day, 'YYYY_MM'), first_day, (first_day + interval '1 month')::date
        );
    end loop;
end
$$;
revoke execute on function make_event_partitions (integer) from public;
