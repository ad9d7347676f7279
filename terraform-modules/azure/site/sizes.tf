locals {
  # What a size is on Azure. A burstable database (B_) can have neither standby nor replica: then it is database_with_others.
  # Behind each: vCPU and GiB of the instance; vCPU and GiB of the database.
  sizes = {
    small  = { instance = "Standard_B2ls_v2", database = "B_Standard_B2s" }     # 2, 4; 2, 4
    medium = { instance = "Standard_D2s_v5", database = "GP_Standard_D2ds_v5" } # 2, 8; 2, 8
    large  = { instance = "Standard_D4s_v5", database = "GP_Standard_D4ds_v5" } # 4, 16; 4, 16
    xlarge = { instance = "Standard_D8s_v5", database = "GP_Standard_D8ds_v5" } # 8, 32; 8, 32
  }
  size                 = local.sizes[var.size]
  database_with_others = "GP_Standard_D2ds_v5"

  # Storage that a server can have, in GB. Source: Azure's documentation, "Storage options in flexible server", 2026-11.
  storage_steps = [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
  # The least that backups are kept.
  backup_days_least = 7

  # Regions without availability zones. Source: Azure's documentation, "Regions with availability zones", 2026-11.
  regions_without_zones = [
    "australiacentral", "australiasoutheast", "canadaeast", "northcentralus", "southindia", "ukwest", "westcentralus", "westus",
  ]
}
