-- What a customer asked for in the last hour is found without its whole past.
create index deployments_customer_id_created_at_idx on deployments (customer_id, created_at)
    where kind in ('create', 'update');
