-- Customers, the people who sign in, and the tokens that programs use.
create table customers (
    id uuid primary key,
    name text not null constraint customers_name_is_not_empty check (name <> ''),
    slug text not null constraint customers_slug_key unique,
    -- The queue's share: how many deployments run at once, and how much of the workers compared with others.
    max_concurrent integer not null default 3
        constraint customers_max_concurrent_is_positive check (max_concurrent > 0),
    weight integer not null default 1 constraint customers_weight_is_positive check (weight > 0),
    -- The queue goes round by these: each claim moves the turn on by 1/weight, the lowest is next.
    turn double precision not null default 0,
    last_claimed_at timestamptz,
    created_at timestamptz not null default now(),
    constraint customers_slug_is_dns_label check (slug ~ '^[a-z][a-z0-9-]{1,30}[a-z0-9]$')
);

-- Whoever comes back to the queue is placed by the highest turn.
create index customers_turn_idx on customers (turn);

create table users (
    id uuid primary key,
    -- Null for the platform's own people.
    customer_id uuid constraint users_customer_id_fkey references customers (id),
    email text not null,
    role text not null,
    created_at timestamptz not null default now(),
    constraint users_email_key unique (email),
    constraint users_role_fits_customer check (
        customer_id is null and role in ('admin', 'operator', 'auditor')
        or customer_id is not null and role in ('owner', 'member', 'viewer')
    )
);
create index users_customer_id_idx on users (customer_id);

create table api_tokens (
    id uuid primary key,
    customer_id uuid constraint api_tokens_customer_id_fkey references customers (id),
    user_id uuid constraint api_tokens_user_id_fkey references users (id) on delete cascade,
    name text not null,
    role text not null,
    -- SHA-256 of the token's text, which has 256 random bits: a slow hash would add nothing.
    token_hash bytea not null constraint api_tokens_token_hash_key unique,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint api_tokens_role_fits_customer check (
        customer_id is null and role in ('admin', 'operator', 'auditor', 'collector')
        or customer_id is not null and role in ('owner', 'member', 'viewer', 'ci')
    )
);
create index api_tokens_customer_id_idx on api_tokens (customer_id);
create index api_tokens_user_id_idx on api_tokens (user_id);

-- Sign-in knows a token's hash and not yet whose it is, so it can't go by tenant:
-- this function is all that its role may do.
create function find_api_token(hash bytea)
    returns table (id uuid, customer_id uuid, user_id uuid, name text, role text)
    language sql
    stable
    security definer
    set search_path = public, pg_temp
as $$
    select t.id, t.customer_id, t.user_id, t.name, t.role
    from api_tokens t
    where t.token_hash = hash
      and t.revoked_at is null
      and (t.expires_at is null or t.expires_at > now())
$$;
revoke execute on function find_api_token (bytea) from public;
grant execute on function find_api_token (bytea) to siteplane_auth;
