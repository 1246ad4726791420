// The Java client of Unity Catalog, as Spark's connector uses it: a table is created, loaded, listed and dropped.
// Each call prints one line.

import io.unitycatalog.client.ApiClient;
import io.unitycatalog.client.ApiClientBuilder;
import io.unitycatalog.client.ApiException;
import io.unitycatalog.client.api.SchemasApi;
import io.unitycatalog.client.api.TablesApi;
import io.unitycatalog.client.api.TemporaryCredentialsApi;
import io.unitycatalog.client.auth.TokenProvider;
import io.unitycatalog.client.model.ColumnInfo;
import io.unitycatalog.client.model.ColumnTypeName;
import io.unitycatalog.client.model.CreateSchema;
import io.unitycatalog.client.model.CreateTable;
import io.unitycatalog.client.model.DataSourceFormat;
import io.unitycatalog.client.model.GenerateTemporaryTableCredential;
import io.unitycatalog.client.model.TableInfo;
import io.unitycatalog.client.model.TableOperation;
import io.unitycatalog.client.model.TableType;
import java.util.Map;

public class Tables {
  public static void main(String[] arguments) throws Exception {
    String host = arguments[0], catalog = arguments[1], location = arguments[2];
    ApiClient client =
        ApiClientBuilder.create()
            .uri(host)
            .tokenProvider(TokenProvider.create(Map.of("type", "static", "token", System.getenv("DATABRICKS_TOKEN"))))
            .addAppVersion("Spark", "4.0.5")
            .build();
    SchemasApi schemas = new SchemasApi(client);
    TablesApi tables = new TablesApi(client);

    schemas.createSchema(new CreateSchema().catalogName(catalog).name("java"));
    System.out.println("schema " + schemas.getSchema(catalog + ".java").getFullName());

    ColumnInfo column =
        new ColumnInfo()
            .name("id")
            .typeText("bigint")
            .typeName(ColumnTypeName.LONG)
            .typeJson("{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}")
            .position(0)
            .nullable(true);
    TableInfo created =
        tables.createTable(
            new CreateTable()
                .catalogName(catalog)
                .schemaName("java")
                .name("numbers")
                .tableType(TableType.EXTERNAL)
                .dataSourceFormat(DataSourceFormat.DELTA)
                .addColumnsItem(column)
                .storageLocation(location));
    String name = catalog + ".java.numbers";
    TableInfo loaded = tables.getTable(name, true, true);
    System.out.println("loaded " + loaded.getColumns().get(0).getTypeName() + " " + loaded.getTableId().equals(created.getTableId()));
    System.out.println("listed " + tables.listTables(catalog, "java", 0, null).getTables().size());
    System.out.println(
        "credentials "
            + new TemporaryCredentialsApi(client)
                .generateTemporaryTableCredentials(
                    new GenerateTemporaryTableCredential().tableId(created.getTableId()).operation(TableOperation.READ_WRITE))
                .getExpirationTime());
    tables.deleteTable(name);
    try {
      tables.getTable(name, true, true);
    } catch (ApiException refusal) {
      System.out.println("dropped " + refusal.getCode());
    }
    schemas.deleteSchema(catalog + ".java", false);
  }
}
