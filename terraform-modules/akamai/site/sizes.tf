locals {
  # What a size is on Akamai. A database's disk comes with its plan and can't be chosen.
  # Behind each: vCPU and GiB of the instance; vCPU and GiB of the database.
  sizes = {
    small  = { instance = "g6-standard-1", database = "g6-standard-1", database_disk_gb = 50 }  # 1, 2; 1, 2
    medium = { instance = "g6-standard-2", database = "g6-standard-2", database_disk_gb = 80 }  # 2, 4; 2, 4
    large  = { instance = "g6-standard-4", database = "g6-standard-4", database_disk_gb = 160 } # 4, 8; 4, 8
    xlarge = { instance = "g6-standard-6", database = "g6-standard-6", database_disk_gb = 320 } # 6, 16; 6, 16
  }
  size = local.sizes[var.size]
}
