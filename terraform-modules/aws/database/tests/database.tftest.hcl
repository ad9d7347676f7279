mock_provider "aws" {}

variables {
  name                = "shop-2f1c8a90"
  instance_class      = "db.t4g.small"
  storage_gb          = 50
  high_availability   = false
  backup_days         = 7
  engine_version      = 16
  read_replica        = false
  password            = "correct-horse-battery"
  subnet_ids          = ["subnet-1", "subnet-2"]
  security_group_id   = "sg-1"
  deletion_protection = true
  tags                = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

run "the_database_is_private_encrypted_and_backed_up" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted && aws_db_instance.this.backup_retention_period == 7
    error_message = "The database is public, not encrypted, or not backed up as asked."
  }
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "rds.force_ssl=1")
    error_message = "The database takes connections without TLS."
  }
  assert {
    condition     = aws_db_instance.this.allocated_storage == 50 && aws_db_instance.this.max_allocated_storage == 100
    error_message = "Storage is not as asked, or does not grow to twice as much."
  }
  assert {
    condition     = alltrue([for tags in [aws_db_instance.this.tags, aws_db_subnet_group.this.tags, aws_db_parameter_group.this.tags] : tags["site_id"] == "2f1c8a90-0000-4000-8000-000000000001"])
    error_message = "Something lacks the site's tags."
  }
  assert {
    condition     = issensitive(aws_db_instance.this.password)
    error_message = "The password shows in plans."
  }
}

run "ten_gigabytes_become_twenty" {
  command = plan

  variables {
    storage_gb = 10
  }

  assert {
    condition     = aws_db_instance.this.allocated_storage == 20 && output.storage_gb == 20
    error_message = "gp3 would refuse less than 20 GB."
  }
}

run "without_high_availability_there_is_one_instance" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.multi_az && length(aws_db_instance.replica) == 0 && output.replica_host == null
    error_message = "There is a standby or a replica that nobody asked for."
  }
}

run "high_availability_is_a_standby_in_another_zone" {
  command = plan

  variables {
    high_availability = true
  }

  assert {
    condition     = aws_db_instance.this.multi_az
    error_message = "There is no standby."
  }
}

run "a_read_replica_follows_the_primary" {
  command = apply

  variables {
    read_replica = true
  }

  assert {
    condition     = aws_db_instance.replica[0].replicate_source_db == "shop-2f1c8a90" && aws_db_instance.replica[0].storage_encrypted && aws_db_instance.replica[0].tags["site_id"] == "2f1c8a90-0000-4000-8000-000000000001"
    error_message = "The replica does not follow the primary, or is not encrypted and tagged as it is."
  }
  assert {
    condition     = output.replica_host != null
    error_message = "Nobody can find the replica."
  }
}

run "protection_refuses_deletion_and_leaves_a_snapshot" {
  command = plan

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == "shop-2f1c8a90-final"
    error_message = "A protected database could be lost."
  }
}

run "without_protection_nothing_is_left" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.delete_automated_backups
    error_message = "An unprotected database leaves something behind."
  }
}

run "the_newest_engine_has_its_own_family" {
  command = plan

  variables {
    engine_version = 18
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "postgres18" && aws_db_instance.this.engine_version == "18"
    error_message = "The parameter group is not of the engine's family."
  }
}

run "values_out_of_their_limits_are_refused" {
  command = plan

  variables {
    storage_gb     = 9
    backup_days    = 36
    engine_version = 12
    instance_class = "t3.small"
    name           = "a--b"
  }

  expect_failures = [var.storage_gb, var.backup_days, var.engine_version, var.instance_class, var.name]
}

run "a_short_password_is_refused" {
  command = plan

  variables {
    password = "short"
  }

  expect_failures = [var.password]
}
