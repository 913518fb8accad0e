-- Relays that listen are notified of each transaction that inserts rows, unless one
-- is at work and looks often: COMMITs that notify wait for each other.
create function hotsock_outbox_notify() returns trigger language plpgsql set search_path from current as $$
begin
  if exists (select 1 from hotsock_outbox_leases
      where part = -1 and until < (extract(epoch from clock_timestamp()) * 1000)::bigint) then
    notify hotsock_outbox;
  end if;
  return null;
end
$$;
create trigger hotsock_outbox_notify after insert on hotsock_outbox
for each statement execute function hotsock_outbox_notify();

insert into hotsock_outbox_migrations values (2);
