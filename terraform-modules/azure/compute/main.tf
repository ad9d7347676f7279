locals {
  port    = var.port
  gateway = var.certificate != null

  health_settings = {
    protocol          = "http"
    port              = local.port
    requestPath       = var.health_path
    intervalInSeconds = 10
    numberOfProbes    = 3
  }

  # .../providers/Microsoft.KeyVault/vaults/<vault>/secrets/<name>
  certificate_parts  = local.gateway ? split("/", var.certificate) : []
  certificate_vault  = local.gateway ? join("/", slice(local.certificate_parts, 0, 9)) : null
  certificate_secret = local.gateway ? "https://${local.certificate_parts[8]}.vault.azure.net/secrets/${local.certificate_parts[10]}" : null
}

# Balancer and gateway have an address each: one address cannot serve both, and when a certificate
# comes or goes the new one stands before the old one is taken away (create_before_destroy).

# Without a certificate: Standard Load Balancer, TCP 80.

resource "azurerm_public_ip" "balancer" {
  count = local.gateway ? 0 : 1

  name                = "${var.name}-public"
  resource_group_name = var.resource_group_name
  location            = var.region
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.zones
  domain_name_label   = var.name
  tags                = var.tags
}

resource "azurerm_lb" "this" {
  count = local.gateway ? 0 : 1

  name                = "${var.name}-lb"
  resource_group_name = var.resource_group_name
  location            = var.region
  sku                 = "Standard"
  tags                = var.tags

  frontend_ip_configuration {
    name                 = "public"
    public_ip_address_id = azurerm_public_ip.balancer[0].id
  }
}

resource "azurerm_lb_backend_address_pool" "this" {
  count = local.gateway ? 0 : 1

  name            = "instances"
  loadbalancer_id = azurerm_lb.this[0].id

  # Removed only after the instances have left it.
  lifecycle {
    create_before_destroy = true
  }
}

resource "azurerm_lb_probe" "this" {
  count = local.gateway ? 0 : 1

  name                = "application"
  loadbalancer_id     = azurerm_lb.this[0].id
  protocol            = "Http"
  port                = local.port
  request_path        = var.health_path
  interval_in_seconds = 5
  probe_threshold     = 2
}

resource "azurerm_lb_rule" "http" {
  count = local.gateway ? 0 : 1

  name                           = "http"
  loadbalancer_id                = azurerm_lb.this[0].id
  frontend_ip_configuration_name = "public"
  protocol                       = "Tcp"
  frontend_port                  = 80
  backend_port                   = local.port
  backend_address_pool_ids       = [azurerm_lb_backend_address_pool.this[0].id]
  probe_id                       = azurerm_lb_probe.this[0].id
  tcp_reset_enabled              = true
  idle_timeout_in_minutes        = 4

  # Outgoing traffic has the NAT gateway.
  disable_outbound_snat = true
}

# With a certificate: Application Gateway, HTTPS 443, 80 redirects.

resource "azurerm_public_ip" "gateway" {
  count = local.gateway ? 1 : 0

  name                = "${var.name}-gateway-public"
  resource_group_name = var.resource_group_name
  location            = var.region
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.zones
  domain_name_label   = "${var.name}-tls"
  tags                = var.tags
}

resource "azurerm_user_assigned_identity" "gateway" {
  count = local.gateway ? 1 : 0

  name                = "${var.name}-gateway"
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags
}

resource "azurerm_role_assignment" "gateway" {
  count = local.gateway ? 1 : 0

  scope                = local.certificate_vault
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.gateway[0].principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_application_gateway" "this" {
  count = local.gateway ? 1 : 0

  name                = "${var.name}-gateway"
  resource_group_name = var.resource_group_name
  location            = var.region
  zones               = var.zones
  http2_enabled       = true
  tags                = var.tags

  sku {
    name = "Standard_v2"
    tier = "Standard_v2"
  }

  autoscale_configuration {
    min_capacity = 1
    max_capacity = 10
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.gateway[0].id]
  }

  gateway_ip_configuration {
    name      = "gateway"
    subnet_id = var.gateway_subnet_id
  }

  frontend_ip_configuration {
    name                 = "public"
    public_ip_address_id = azurerm_public_ip.gateway[0].id
  }

  frontend_port {
    name = "http"
    port = 80
  }

  frontend_port {
    name = "https"
    port = 443
  }

  # Without a version in the address the gateway follows renewals.
  ssl_certificate {
    name                = "site"
    key_vault_secret_id = local.certificate_secret
  }

  ssl_policy {
    policy_type = "Predefined"
    policy_name = "AppGwSslPolicy20220101"
  }

  backend_address_pool {
    name = "instances"
  }

  backend_http_settings {
    name                  = "application"
    protocol              = "Http"
    port                  = local.port
    cookie_based_affinity = "Disabled"
    request_timeout       = 60
    probe_name            = "application"

    connection_draining {
      enabled           = true
      drain_timeout_sec = 30
    }
  }

  probe {
    name                = "application"
    protocol            = "Http"
    host                = coalesce(var.domain, "127.0.0.1")
    path                = var.health_path
    interval            = 10
    timeout             = 5
    unhealthy_threshold = 3

    match {
      status_code = ["200"]
    }
  }

  http_listener {
    name                           = "http"
    frontend_ip_configuration_name = "public"
    frontend_port_name             = "http"
    protocol                       = "Http"
  }

  http_listener {
    name                           = "https"
    frontend_ip_configuration_name = "public"
    frontend_port_name             = "https"
    protocol                       = "Https"
    ssl_certificate_name           = "site"
  }

  redirect_configuration {
    name                 = "to-https"
    redirect_type        = "Permanent"
    target_listener_name = "https"
    include_path         = true
    include_query_string = true
  }

  request_routing_rule {
    name                        = "http"
    rule_type                   = "Basic"
    priority                    = 200
    http_listener_name          = "http"
    redirect_configuration_name = "to-https"
  }

  request_routing_rule {
    name                       = "https"
    rule_type                  = "Basic"
    priority                   = 100
    http_listener_name         = "https"
    backend_address_pool_name  = "instances"
    backend_http_settings_name = "application"
  }

  # Removed only after the instances have left it.
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [azurerm_role_assignment.gateway]
}

# Instances.

# Azure wants a key or a password for the first account. Nobody signs in with it, and port 22 is closed: uuid() is asked
# once, at the first apply, and stays in the state because later values are ignored.
resource "terraform_data" "password" {
  input = sensitive("Sp-${uuid()}")

  lifecycle {
    ignore_changes = [input]
  }
}

resource "azurerm_orchestrated_virtual_machine_scale_set" "this" {
  name                        = "${var.name}-vmss"
  resource_group_name         = var.resource_group_name
  location                    = var.region
  sku_name                    = var.instance_type
  instances                   = var.scaling.min
  zones                       = var.zones
  platform_fault_domain_count = 1

  os_profile {
    custom_data = base64encode(var.user_data)

    linux_configuration {
      admin_username                  = "siteplane"
      admin_password                  = terraform_data.password.output
      disable_password_authentication = false
      computer_name_prefix            = "${trimsuffix(substr(var.name, 0, 8), "-")}-"
      provision_vm_agent              = true
    }
  }

  source_image_reference {
    publisher = "Canonical"
    offer     = "ubuntu-24_04-lts"
    sku       = "server"
    version   = "latest"
  }

  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "Premium_LRS"
    disk_size_gb         = 64
  }

  network_interface {
    name    = "primary"
    primary = true
    tags    = var.tags

    ip_configuration {
      name      = "primary"
      primary   = true
      subnet_id = var.subnet_id

      load_balancer_backend_address_pool_ids       = azurerm_lb_backend_address_pool.this[*].id
      application_gateway_backend_address_pool_ids = [for pool in flatten(azurerm_application_gateway.this[*].backend_address_pool) : pool.id]
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [var.identity_id]
  }

  # Version 1.0: healthy or not. 2.0 wants a JSON body from the application.
  extension {
    name                               = "health"
    publisher                          = "Microsoft.ManagedServices"
    type                               = "ApplicationHealthLinux"
    type_handler_version               = "1.0"
    auto_upgrade_minor_version_enabled = true
    settings                           = jsonencode(local.health_settings)
  }

  automatic_instance_repair {
    enabled      = true
    action       = "Replace"
    grace_period = "PT20M"
  }

  # Existing instances never run new custom_data. Surge upgrades start new instances with the
  # new model and remove the old ones, so a new image or new variables reach all of them.
  upgrade_mode = "Rolling"

  rolling_upgrade_policy {
    max_batch_instance_percent              = 34
    max_unhealthy_instance_percent          = 50
    max_unhealthy_upgraded_instance_percent = 34
    pause_time_between_batches              = "PT30S"
    prioritize_unhealthy_instances_enabled  = true
    cross_zone_upgrades_enabled             = length(var.zones) > 0
    maximum_surge_instances_enabled         = true
  }

  termination_notification {
    enabled = true
    timeout = "PT5M"
  }

  boot_diagnostics {}

  tags = var.tags

  # The autoscale setting owns the count.
  lifecycle {
    ignore_changes = [instances]
  }

  depends_on = [azurerm_lb_rule.http]
}

resource "azurerm_monitor_autoscale_setting" "this" {
  name                = "${var.name}-autoscale"
  resource_group_name = var.resource_group_name
  location            = var.region
  target_resource_id  = azurerm_orchestrated_virtual_machine_scale_set.this.id
  tags                = var.tags

  profile {
    name = "cpu"

    capacity {
      default = var.scaling.min
      minimum = var.scaling.min
      maximum = var.scaling.max
    }

    rule {
      metric_trigger {
        metric_name        = "Percentage CPU"
        metric_resource_id = azurerm_orchestrated_virtual_machine_scale_set.this.id
        operator           = "GreaterThan"
        statistic          = "Average"
        threshold          = 65
        time_aggregation   = "Average"
        time_grain         = "PT1M"
        time_window        = "PT5M"
      }

      scale_action {
        direction = "Increase"
        type      = "ChangeCount"
        value     = 1
        cooldown  = "PT3M"
      }
    }

    rule {
      metric_trigger {
        metric_name        = "Percentage CPU"
        metric_resource_id = azurerm_orchestrated_virtual_machine_scale_set.this.id
        operator           = "LessThan"
        statistic          = "Average"
        threshold          = 30
        time_aggregation   = "Average"
        time_grain         = "PT1M"
        time_window        = "PT10M"
      }

      scale_action {
        direction = "Decrease"
        type      = "ChangeCount"
        value     = 1
        cooldown  = "PT10M"
      }
    }
  }
}
