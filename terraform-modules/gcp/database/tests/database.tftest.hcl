mock_provider "google" {
  mock_resource "google_sql_database_instance" {
    defaults = { private_ip_address = "10.20.128.3" }
  }
}

variables {
  name                = "shop-2f1c8a90"
  region              = "europe-west3"
  tier                = "db-custom-1-3840"
  storage_gb          = 50
  high_availability   = false
  backup_days         = 7
  engine_version      = 16
  read_replica        = false
  password            = "correct-horse-battery"
  network_id          = "projects/acme-web/global/networks/shop-2f1c8a90"
  services_range_name = "shop-2f1c8a90-services"
  deletion_protection = true
  labels              = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

run "the_database_is_private_and_takes_tls_only" {
  command = plan

  assert {
    condition     = !google_sql_database_instance.this.settings[0].ip_configuration[0].ipv4_enabled && google_sql_database_instance.this.settings[0].ip_configuration[0].private_network == var.network_id && google_sql_database_instance.this.settings[0].ip_configuration[0].allocated_ip_range == "shop-2f1c8a90-services"
    error_message = "The database has a public address, or none in the site's network."
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
    error_message = "The database takes connections without TLS."
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].disk_size == 50 && google_sql_database_instance.this.settings[0].disk_autoresize && google_sql_database_instance.this.settings[0].disk_autoresize_limit == 100
    error_message = "Storage is not as asked, or does not grow to twice as much."
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].user_labels["site_id"] == "2f1c8a90-0000-4000-8000-000000000001"
    error_message = "The database lacks the site's labels."
  }
  assert {
    condition     = issensitive(google_sql_user.this.password)
    error_message = "The password shows in plans."
  }
}

run "backups_are_daily_and_recovery_goes_to_a_point_in_time" {
  command = plan

  assert {
    condition     = google_sql_database_instance.this.settings[0].backup_configuration[0].enabled && google_sql_database_instance.this.settings[0].backup_configuration[0].point_in_time_recovery_enabled
    error_message = "The database is not backed up."
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups == 7 && output.point_in_time_days == 7
    error_message = "Backups are not kept as long as asked."
  }
}

run "the_log_is_kept_no_longer_than_google_does" {
  command = plan

  variables {
    backup_days = 35
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].backup_configuration[0].transaction_log_retention_days == 7 && google_sql_database_instance.this.settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups == 35
    error_message = "Google would refuse the log's retention, or backups are not kept as asked."
  }
}

run "fewer_backup_days_shorten_the_log" {
  command = plan

  variables {
    backup_days = 3
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].backup_configuration[0].transaction_log_retention_days == 3
    error_message = "The log outlives the backups."
  }
}

run "without_high_availability_there_is_one_instance" {
  command = plan

  assert {
    condition     = google_sql_database_instance.this.settings[0].availability_type == "ZONAL" && length(google_sql_database_instance.replica) == 0 && output.replica_host == null
    error_message = "There is a standby or a replica that nobody asked for."
  }
}

run "high_availability_is_a_standby_in_another_zone" {
  command = plan

  variables {
    high_availability = true
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].availability_type == "REGIONAL"
    error_message = "There is no standby."
  }
}

run "a_read_replica_follows_the_primary" {
  command = apply

  variables {
    read_replica = true
  }

  assert {
    condition     = google_sql_database_instance.replica[0].master_instance_name == "shop-2f1c8a90" && !google_sql_database_instance.replica[0].settings[0].ip_configuration[0].ipv4_enabled && google_sql_database_instance.replica[0].settings[0].user_labels["site_id"] == "2f1c8a90-0000-4000-8000-000000000001"
    error_message = "The replica does not follow the primary, or is not private and labelled as it is."
  }
  assert {
    condition     = output.replica_host == "10.20.128.3" && output.host == "10.20.128.3" && output.port == 5432 && output.name == "app" && output.user == "app"
    error_message = "Nobody can find the database or its replica."
  }
}

run "protection_refuses_deletion_and_leaves_a_backup" {
  command = plan

  assert {
    condition     = google_sql_database_instance.this.deletion_protection && google_sql_database_instance.this.settings[0].deletion_protection_enabled && google_sql_database_instance.this.settings[0].final_backup_config[0].enabled
    error_message = "A protected database could be lost."
  }
}

run "without_protection_nothing_is_left" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = !google_sql_database_instance.this.deletion_protection && !google_sql_database_instance.this.settings[0].deletion_protection_enabled && !google_sql_database_instance.this.settings[0].final_backup_config[0].enabled
    error_message = "An unprotected database leaves something behind."
  }
}

run "the_edition_is_the_one_that_has_the_tier" {
  command = plan

  variables {
    engine_version = 18
  }

  assert {
    condition     = google_sql_database_instance.this.database_version == "POSTGRES_18" && google_sql_database_instance.this.settings[0].edition == "ENTERPRISE"
    error_message = "Google would choose an edition without this tier."
  }
}

run "values_out_of_their_limits_are_refused" {
  command = plan

  variables {
    storage_gb     = 9
    backup_days    = 36
    engine_version = 12
    tier           = "db-f1-micro"
    name           = "a--b"
  }

  expect_failures = [var.storage_gb, var.backup_days, var.engine_version, var.tier, var.name]
}

run "a_short_password_is_refused" {
  command = plan

  variables {
    password = "short"
  }

  expect_failures = [var.password]
}
