-- How much of its allowance a caller or a customer has used. Unlogged: a count is worth no synced write, and after a
-- crash everybody begins anew. Siteplane's processes take parts of an allowance here and spend them on their own.
create unlogged table rate_counts (
    -- token:<id>, user:<id> or customer:<id>.
    subject text primary key,
    -- What was taken since the window began; may be more than there was.
    taken bigint not null constraint rate_counts_taken_is_not_negative check (taken >= 0),
    window_ends_at timestamptz not null
) with (fillfactor = 50);

grant select, insert, update, delete on rate_counts to siteplane_auth;
