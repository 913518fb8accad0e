-- Rows wait here from the COMMIT until a relay has carried them out.
create table if not exists hotsock_outbox (
  id      bigint not null auto_increment primary key,
  version smallint not null default 1,
  channel varchar(256) character set utf8mb4 collate utf8mb4_bin not null,
  part    smallint as (crc32(channel) & 15) stored,
  kind    varchar(16) not null,
  body    mediumtext character set utf8mb4 collate utf8mb4_bin not null,
  dedup   char(36) not null default (uuid()),
  created bigint not null default (timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000), -- milliseconds since 1970
  index hotsock_outbox_part (part, id)
) engine = InnoDB;

-- Rows that were set aside, and those that are kept for a while.
create table if not exists hotsock_outbox_ended (
  id      bigint not null primary key,
  version smallint not null,
  channel varchar(256) character set utf8mb4 collate utf8mb4_bin not null,
  kind    varchar(16) not null,
  body    mediumtext character set utf8mb4 collate utf8mb4_bin not null,
  dedup   char(36) not null,
  created bigint not null,
  ended   bigint not null,
  failed  smallint not null,
  error   text character set utf8mb4 not null,
  index hotsock_outbox_ended_channel (failed, channel),
  index hotsock_outbox_ended_at (failed, ended)
) engine = InnoDB;

-- Who carries out the rows of which partition.
create table if not exists hotsock_outbox_leases (
  part   smallint not null primary key,
  holder varchar(64) not null default '',
  until  bigint not null default 0
) engine = InnoDB;
insert ignore into hotsock_outbox_leases (part) values
  (-1), (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15);

create table if not exists hotsock_outbox_migrations (version int not null primary key) engine = InnoDB;
insert ignore into hotsock_outbox_migrations values (1);
