resource "linode_database_postgresql_v2" "this" {
  label        = var.name
  engine_id    = "postgresql/${var.engine_version}"
  region       = var.region
  type         = var.type
  cluster_size = var.nodes
  allow_list   = [var.network_cidr]

  private_network = {
    vpc_id        = var.network_id
    subnet_id     = var.subnet_id
    public_access = false
  }

  updates = {
    day_of_week = 7
    duration    = 3
    frequency   = "weekly"
    hour_of_day = 3
  }

  timeouts {
    create = "60m"
    update = "60m"
    delete = "20m"
  }
}
