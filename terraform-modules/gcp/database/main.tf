locals {
  # The Enterprise edition keeps the log that recovery to a point in time needs for at most 7 days.
  point_in_time_days = min(var.backup_days, 7)
  # Where storage that grows by itself stops.
  storage_limit_gb = var.storage_gb * 2
}

resource "google_sql_database_instance" "this" {
  name             = var.name
  region           = var.region
  database_version = "POSTGRES_${var.engine_version}"

  # The first makes Terraform refuse, the second (below) Google, whoever asks.
  deletion_protection = var.deletion_protection

  settings {
    # Written out: from PostgreSQL 16 on Google's default is Enterprise Plus, which has other machine types.
    edition                     = "ENTERPRISE"
    tier                        = var.tier
    availability_type           = var.high_availability ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.deletion_protection
    user_labels                 = var.labels

    disk_type             = "PD_SSD"
    disk_size             = var.storage_gb
    disk_autoresize       = true
    disk_autoresize_limit = local.storage_limit_gb

    ip_configuration {
      ipv4_enabled       = false
      private_network    = var.network_id
      allocated_ip_range = var.services_range_name
      ssl_mode           = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "02:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = local.point_in_time_days

      # One backup a day: as many as there are days.
      backup_retention_settings {
        retained_backups = var.backup_days
        retention_unit   = "COUNT"
      }
    }

    # Google takes the retention of a final backup only together with one.
    final_backup_config {
      enabled        = var.deletion_protection
      retention_days = var.deletion_protection ? 30 : null
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }

    database_flags {
      name  = "log_min_duration_statement"
      value = "1000"
    }
  }

  timeouts {
    create = "60m"
    update = "60m"
    delete = "60m"
  }
}

# It goes with its instance.
resource "google_sql_database" "this" {
  name            = "app"
  instance        = google_sql_database_instance.this.name
  deletion_policy = "ABANDON"
}

# It goes with its instance too: PostgreSQL refuses to drop a user that owns tables.
resource "google_sql_user" "this" {
  name     = "app"
  instance = google_sql_database_instance.this.name
  # Not password_wo: the same password is in the metadata of the instance template, so the state would hold it all
  # the same, and a change of the password would show only through a version number made from it.
  password        = var.password
  deletion_policy = "ABANDON"
}

# Databases and users come from the primary.
resource "google_sql_database_instance" "replica" {
  count = var.read_replica ? 1 : 0

  name                 = "${var.name}-replica"
  region               = var.region
  database_version     = google_sql_database_instance.this.database_version
  master_instance_name = google_sql_database_instance.this.name
  deletion_protection  = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.tier
    availability_type           = "ZONAL"
    deletion_protection_enabled = var.deletion_protection
    user_labels                 = var.labels

    disk_type             = "PD_SSD"
    disk_size             = var.storage_gb
    disk_autoresize       = true
    disk_autoresize_limit = local.storage_limit_gb

    ip_configuration {
      ipv4_enabled       = false
      private_network    = var.network_id
      allocated_ip_range = var.services_range_name
      ssl_mode           = "ENCRYPTED_ONLY"
    }

    database_flags {
      name  = "log_min_duration_statement"
      value = "1000"
    }
  }

  timeouts {
    create = "60m"
    update = "60m"
    delete = "60m"
  }
}
