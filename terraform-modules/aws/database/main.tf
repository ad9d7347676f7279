locals {
  # gp3 has at least 20 GB.
  storage_gb = max(var.storage_gb, 20)
  # Where storage that grows by itself stops.
  storage_limit_gb = local.storage_gb * 2
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Private subnets of ${var.name}"
  subnet_ids  = var.subnet_ids
  tags        = merge(var.tags, { Name = var.name })
}

# A new major version has a new family: the new group must be there before the old one goes.
resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = "postgres${var.engine_version}"
  description = "Parameters of ${var.name}"
  tags        = merge(var.tags, { Name = var.name })

  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "immediate"
  }

  parameter {
    name         = "log_min_duration_statement"
    value        = "1000"
    apply_method = "immediate"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = tostring(var.engine_version)
  instance_class = var.instance_class

  storage_type          = "gp3"
  storage_encrypted     = true
  allocated_storage     = local.storage_gb
  max_allocated_storage = local.storage_limit_gb

  db_name  = "app"
  username = "app"
  # Not password_wo: the same password is in the user data of the launch template, so the state would hold it all
  # the same, and a change of the password would show only through a version number made from it.
  password = var.password

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false
  multi_az               = var.high_availability

  backup_retention_period     = var.backup_days
  backup_window               = "02:00-03:00"
  maintenance_window          = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot       = true
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = true
  apply_immediately           = true

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.deletion_protection
  final_snapshot_identifier = var.deletion_protection ? "${var.name}-final" : null
  delete_automated_backups  = !var.deletion_protection

  tags = merge(var.tags, { Name = var.name })
}

# Engine, storage, user and password come from the primary; AWS upgrades the replica with it.
resource "aws_db_instance" "replica" {
  count = var.read_replica ? 1 : 0

  identifier          = "${var.name}-replica"
  replicate_source_db = aws_db_instance.this.identifier
  instance_class      = var.instance_class

  storage_type          = "gp3"
  storage_encrypted     = true
  max_allocated_storage = local.storage_limit_gb

  parameter_group_name       = aws_db_parameter_group.this.name
  vpc_security_group_ids     = [var.security_group_id]
  publicly_accessible        = false
  multi_az                   = false
  copy_tags_to_snapshot      = true
  auto_minor_version_upgrade = true
  apply_immediately          = true

  # All that it holds is in the primary.
  backup_retention_period = 0
  deletion_protection     = var.deletion_protection
  skip_final_snapshot     = true

  tags = merge(var.tags, { Name = "${var.name}-replica" })
}
