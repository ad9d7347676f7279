-- Four roles that requests run as, none of which owns a table or bypasses row-level security.
-- A program signs in as some other role that is a member of them, and takes one for each transaction.
-- Roles belong to the whole server: another database of it may have made them, perhaps this very moment.
do $$
declare
    role_name text;
begin
    foreach role_name in array array['siteplane_api', 'siteplane_platform', 'siteplane_worker', 'siteplane_auth'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            begin
                execute format('create role %I nologin', role_name);
            exception
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
end
$$;

-- Nobody makes objects here but the owner.
revoke create on schema public from public;
grant usage on schema public to siteplane_api, siteplane_platform, siteplane_worker, siteplane_auth;

-- The queue's bell: whoever commits a deployment rings it in the same transaction.
grant usage on schema apalis to siteplane_api, siteplane_platform, siteplane_worker;
grant insert on apalis.jobs to siteplane_api, siteplane_platform;
grant select, insert, update, delete on apalis.jobs, apalis.workers to siteplane_worker;
grant execute on all functions in schema apalis to siteplane_api, siteplane_platform, siteplane_worker;
