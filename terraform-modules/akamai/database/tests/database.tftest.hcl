mock_provider "linode" {}

variables {
  name           = "shop-00000001"
  region         = "de-fra-2"
  type           = "g6-standard-1"
  nodes          = 1
  engine_version = 16
  network_id     = 101
  subnet_id      = 102
  network_cidr   = "10.20.0.0/16"
}

run "the_database_has_an_address_in_the_network_only" {
  command = plan

  assert {
    condition     = linode_database_postgresql_v2.this.private_network.public_access == false && linode_database_postgresql_v2.this.private_network.subnet_id == 102 && linode_database_postgresql_v2.this.allow_list == toset(["10.20.0.0/16"])
    error_message = "The database is open to others."
  }
  assert {
    condition     = linode_database_postgresql_v2.this.engine_id == "postgresql/16" && linode_database_postgresql_v2.this.cluster_size == 1
    error_message = "The database is not the one that was asked for."
  }
}

run "a_standby_is_a_cluster_of_three" {
  command = plan

  variables {
    nodes = 3
  }

  assert {
    condition     = linode_database_postgresql_v2.this.cluster_size == 3
    error_message = "There are no standbys."
  }
}

run "two_nodes_an_old_engine_and_no_plan_are_refused" {
  command = plan

  variables {
    nodes          = 2
    engine_version = 13
    type           = "big"
  }

  expect_failures = [var.nodes, var.engine_version, var.type]
}
