-- People who sign in. What proves who they are, and where they are signed in, only sign-in itself may see:
-- no request of a customer, and none of the platform, reads a password's hash or a session.

-- Roles that a customer made out of permissions.
create table roles (
    id uuid primary key,
    customer_id uuid not null constraint roles_customer_id_fkey references customers (id),
    name text not null constraint roles_name_is_word check (name ~ '^[a-z][a-z0-9_-]{1,30}[a-z0-9]$'),
    permissions text[] not null,
    created_at timestamptz not null default now(),
    constraint roles_id_customer_id_key unique (id, customer_id),
    constraint roles_customer_id_name_key unique (customer_id, name)
);

alter table users
    add column name text not null default '',
    add column custom_role_id uuid,
    add column disabled_at timestamptz,
    add column email_verified_at timestamptz,
    add column last_sign_in_at timestamptz,
    add constraint users_custom_role_id_fkey
        foreign key (custom_role_id, customer_id) references roles (id, customer_id),
    drop constraint users_email_key,
    drop constraint users_role_fits_customer,
    add constraint users_role_fits_customer check (
        custom_role_id is null and (
            customer_id is null and role in ('admin', 'operator', 'auditor')
            or customer_id is not null and role in ('owner', 'member', 'viewer')
        )
        or custom_role_id is not null and customer_id is not null and role = 'custom'
    );
-- One person, however they write their address.
create unique index users_email_key on users (lower(email));
create index users_custom_role_id_idx on users (custom_role_id);

alter table api_tokens
    add column custom_role_id uuid,
    -- What of its role's permissions it has; null is all.
    add column scopes text[],
    add column last_used_at timestamptz,
    add constraint api_tokens_custom_role_id_fkey
        foreign key (custom_role_id, customer_id) references roles (id, customer_id),
    drop constraint api_tokens_role_fits_customer,
    add constraint api_tokens_role_fits_customer check (
        custom_role_id is null and (
            customer_id is null and role in ('admin', 'operator', 'auditor', 'collector')
            or customer_id is not null and role in ('owner', 'member', 'viewer', 'ci')
        )
        or custom_role_id is not null and customer_id is not null and role = 'custom'
    );
create index api_tokens_custom_role_id_idx on api_tokens (custom_role_id);

create table credentials (
    user_id uuid primary key constraint credentials_user_id_fkey references users (id) on delete cascade,
    -- argon2id in PHC form, or a bcrypt hash that was imported; null for who signs in elsewhere.
    password_hash text,
    password_changed_at timestamptz,
    -- The TOTP secret, sealed with the master key; in force once it was confirmed.
    totp_sealed bytea,
    totp_confirmed_at timestamptz,
    -- Time step of the last code that was taken: each is taken once.
    totp_last_step bigint,
    constraint credentials_totp_confirmed_with_secret check (totp_confirmed_at is null or totp_sealed is not null)
);

-- SHA-256 of codes with 50 random bits, each good for one sign-in.
create table recovery_codes (
    user_id uuid not null constraint recovery_codes_user_id_fkey references users (id) on delete cascade,
    code_hash bytea not null,
    used_at timestamptz,
    constraint recovery_codes_pkey primary key (user_id, code_hash)
);

-- A sign-in, and the family of refresh tokens that goes with it.
create table sessions (
    id uuid primary key,
    user_id uuid not null constraint sessions_user_id_fkey references users (id) on delete cascade,
    -- How it began: password, totp, recovery_code, oidc.
    methods text[] not null,
    address text not null,
    device text not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    -- Whichever comes first ends it.
    idle_until timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_because text,
    constraint sessions_revoked_because_with_time check ((revoked_at is null) = (revoked_because is null))
);
create index sessions_user_id_idx on sessions (user_id, created_at desc) where revoked_at is null;
create index sessions_expires_at_idx on sessions (expires_at);

-- SHA-256 of each token of a session. All but the newest are used; one that comes again ends the session.
create table refresh_tokens (
    token_hash bytea primary key,
    session_id uuid not null constraint refresh_tokens_session_id_fkey references sessions (id) on delete cascade,
    created_at timestamptz not null default now(),
    used_at timestamptz
);
create index refresh_tokens_session_id_idx on refresh_tokens (session_id);

-- Links that were mailed, each good for one use.
create table one_time_tokens (
    token_hash bytea primary key,
    user_id uuid not null constraint one_time_tokens_user_id_fkey references users (id) on delete cascade,
    purpose text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint one_time_tokens_purpose_is_known check (purpose in ('verify_email', 'reset_password', 'unlock'))
);
create index one_time_tokens_user_id_idx on one_time_tokens (user_id);
create index one_time_tokens_expires_at_idx on one_time_tokens (expires_at);

-- Failed sign-ins by account and by address, for addresses too that nobody has: the answer is the same.
create table sign_in_failures (
    subject text primary key,
    failures integer not null,
    last_failed_at timestamptz not null,
    blocked_until timestamptz not null
);
create index sign_in_failures_last_failed_at_idx on sign_in_failures (last_failed_at);

create table invitations (
    id uuid primary key,
    -- Null invites to the platform.
    customer_id uuid constraint invitations_customer_id_fkey references customers (id),
    email text not null,
    role text not null,
    custom_role_id uuid,
    token_hash bytea not null constraint invitations_token_hash_key unique,
    invited_by text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    accepted_at timestamptz,
    revoked_at timestamptz,
    constraint invitations_custom_role_id_fkey
        foreign key (custom_role_id, customer_id) references roles (id, customer_id),
    constraint invitations_role_fits_customer check (
        custom_role_id is null and (
            customer_id is null and role in ('admin', 'operator', 'auditor')
            or customer_id is not null and role in ('owner', 'member', 'viewer')
        )
        or custom_role_id is not null and customer_id is not null and role = 'custom'
    )
);
create index invitations_customer_id_idx on invitations (customer_id, id desc);

-- The keys that sign access tokens. A new one is published before it signs, an old one until its tokens are over.
create table signing_keys (
    id uuid primary key,
    public_key bytea not null constraint signing_keys_public_key_length check (length(public_key) = 32),
    private_key_sealed bytea not null,
    created_at timestamptz not null default now(),
    signs_from timestamptz not null,
    verifies_until timestamptz
);

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array['roles', 'invitations'] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format(
            'create policy %I on %I to siteplane_api using (customer_id = current_customer()) with check (customer_id = current_customer())',
            tenant_table || '_tenant', tenant_table);
        execute format('create policy %I on %I to siteplane_platform using (true) with check (true)',
            tenant_table || '_platform', tenant_table);
        execute format('create policy %I on %I to siteplane_worker using (true) with check (true)',
            tenant_table || '_worker', tenant_table);
        execute format('create policy %I on %I to siteplane_auth using (true) with check (true)',
            tenant_table || '_auth', tenant_table);
        execute format('create policy %I on %I to current_user using (true) with check (true)',
            tenant_table || '_owner', tenant_table);
    end loop;
end
$$;

-- What people do to each other's membership goes by tenant; sign-in knows an address and not yet whose it is.
create policy users_auth on users to siteplane_auth using (true) with check (true);
create policy users_platform_update on users for update to siteplane_platform using (true) with check (true);
create policy api_tokens_platform_update on api_tokens for update to siteplane_platform using (true) with check (true);
create policy customers_auth on customers for select to siteplane_auth using (true);
create policy audit_events_auth on audit_events for insert to siteplane_auth with check (true);

grant select, insert, update, delete on roles to siteplane_api, siteplane_platform;
grant select (id, customer_id, email, role, custom_role_id, invited_by, created_at, expires_at, accepted_at, revoked_at),
    insert, update (revoked_at) on invitations to siteplane_api, siteplane_platform;
grant update (name, role, custom_role_id, disabled_at) on users to siteplane_api, siteplane_platform;
grant insert, update (revoked_at) on api_tokens to siteplane_api, siteplane_platform;

grant select, insert, update on users to siteplane_auth;
grant select on roles, customers to siteplane_auth;
grant select, update (accepted_at) on invitations to siteplane_auth;
grant insert on audit_events to siteplane_auth;
grant select, insert, update, delete
    on credentials, recovery_codes, sessions, refresh_tokens, one_time_tokens, sign_in_failures to siteplane_auth;
grant select, insert, update on signing_keys to siteplane_auth;

-- The bearer of a token, with what decides what they may do. When a token was last used is kept to five minutes:
-- a request does not write.
drop function find_api_token (bytea);
create function find_api_token(hash bytea)
    returns table (
        id uuid, customer_id uuid, user_id uuid, name text, role text, permissions text[], scopes text[],
        customer_status text, tier text
    )
    language plpgsql
    security definer
    set search_path = public, pg_temp
as $$
begin
    update api_tokens t set last_used_at = now()
    where t.token_hash = hash and t.revoked_at is null
      and (t.last_used_at is null or t.last_used_at < now() - interval '5 minutes');
    return query
        select t.id, t.customer_id, t.user_id, t.name, t.role, r.permissions, t.scopes, c.status, c.tier
        from api_tokens t
        left join users u on u.id = t.user_id
        left join roles r on r.id = t.custom_role_id
        left join customers c on c.id = t.customer_id
        where t.token_hash = hash
          and t.revoked_at is null
          and (t.expires_at is null or t.expires_at > now())
          and u.disabled_at is null;
end
$$;
revoke execute on function find_api_token (bytea) from public;
grant execute on function find_api_token (bytea) to siteplane_auth;

-- The person of a session that has not ended, in the same words.
create function find_session(session uuid)
    returns table (
        id uuid, customer_id uuid, user_id uuid, name text, role text, permissions text[], methods text[],
        customer_status text, tier text
    )
    language sql
    stable
    security definer
    set search_path = public, pg_temp
as $$
    select s.id, u.customer_id, u.id, u.email, u.role, r.permissions, s.methods, c.status, c.tier
    from sessions s
    join users u on u.id = s.user_id
    left join roles r on r.id = u.custom_role_id
    left join customers c on c.id = u.customer_id
    where s.id = session
      and s.revoked_at is null
      and s.expires_at > now()
      and s.idle_until > now()
      and u.disabled_at is null
$$;
revoke execute on function find_session (uuid) from public;
grant execute on function find_session (uuid) to siteplane_auth;
